"""Titles of pages that are read often as entries: MetaCLIP's wiki titles (arXiv 2309.16671, Table 1).

From Wikimedia's pageview files, a line `PROJECT TITLE VIEWS BYTES` each, or lists `TITLE<tab>VIEWS` (.tsv), compressed
or not, or Parquet tables with columns title and views. In each file a title with fewer than `min_views_per_file`
views (50) counts for nothing, nor does ever one with a colon; of the rest the views of all files are summed, and
`min_views` (70) or more are kept.
"""

from collections.abc import Sequence
from pathlib import PurePath

import polars as pl

from curate import schema as c
from curate.metadata.text_blocks import text_blocks

TITLE, VIEWS = "title", "views"


def titles(
    paths: Sequence[str], project: str = "en", min_views_per_file: int = 50, min_views: int = 70
) -> pl.DataFrame:
    """entry, count (views): the most viewed first, ties by code points. Underscores become spaces."""
    empty = pl.DataFrame(schema={TITLE: pl.String(), VIEWS: pl.Int64()})
    found = [empty]
    for path in paths:
        if path.endswith(".parquet"):
            views = _table(path)
        else:
            views = _list(path) if ".tsv" in PurePath(path).suffixes else _pageviews(path, project)
        found.append(views.filter((pl.col(VIEWS) >= min_views_per_file) & ~pl.col(TITLE).str.contains(":")))
    summed = pl.concat(found).group_by(TITLE).agg(pl.col(VIEWS).sum()).filter(pl.col(VIEWS) >= min_views)
    return summed.select(pl.col(TITLE).alias(c.ENTRY), pl.col(VIEWS).alias(c.COUNT)).sort(
        c.COUNT, c.ENTRY, descending=[True, False]
    )


def _table(path: str) -> pl.DataFrame:
    columns = {name: [pl.Series([], dtype=pl.String), *text_blocks([path], name)] for name in (TITLE, VIEWS)}
    table = pl.DataFrame({name: pl.concat(parts) for name, parts in columns.items()})
    return table.select(spaced(pl.col(TITLE)), pl.col(VIEWS).cast(pl.Int64)).drop_nulls()


def _pageviews(path: str, project: str) -> pl.DataFrame:
    """Lines that are not of the project, or not lines of this kind, are passed over."""
    parts = [pl.DataFrame(schema={TITLE: pl.String(), VIEWS: pl.Int64()})]
    for block in text_blocks([path]):
        own = block.filter(block.str.starts_with(f"{project} "))
        fields = own.str.split(" ")
        fields = fields.filter(fields.list.len() == 4)
        parts.append(_rows(fields.list.get(1), fields.list.get(2)))
    return pl.concat(parts)


def _list(path: str) -> pl.DataFrame:
    """A first line with the columns' names is passed over, as is any other whose views are no number."""
    parts = [pl.DataFrame(schema={TITLE: pl.String(), VIEWS: pl.Int64()})]
    for block in text_blocks([path]):
        fields = block.str.strip_chars_end("\r").str.split("\t")
        fields = fields.filter(fields.list.len() == 2)
        parts.append(_rows(fields.list.get(0), fields.list.get(1)))
    return pl.concat(parts)


def _rows(names: pl.Series, views: pl.Series) -> pl.DataFrame:
    rows = pl.DataFrame({TITLE: names, VIEWS: views.str.to_integer(strict=False).cast(pl.Int64)})
    return rows.with_columns(spaced(pl.col(TITLE))).drop_nulls()


def spaced(title: pl.Expr) -> pl.Expr:
    return title.str.replace_all("_", " ", literal=True)
