"""Titles of pages that are read often as entries: MetaCLIP's wiki titles (arXiv 2309.16671, Table 1).

From Wikimedia's pageview files, a line `PROJECT TITLE VIEWS BYTES` each, compressed or not, or Parquet tables with
columns title and views. In each file a title with fewer than `min_views_per_file` views (50) counts for nothing, nor
does ever one with a colon; of the rest the views of all files are summed, and `min_views` (70) or more are kept.
"""

from collections.abc import Sequence

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
        views = _table(path) if path.endswith(".parquet") else _pageviews(path, project)
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
        views = fields.list.get(2).str.to_integer(strict=False)
        rows = pl.DataFrame({TITLE: fields.list.get(1), VIEWS: views.cast(pl.Int64)})
        parts.append(rows.with_columns(spaced(pl.col(TITLE))).drop_nulls())
    return pl.concat(parts)


def spaced(title: pl.Expr) -> pl.Expr:
    return title.str.replace_all("_", " ", literal=True)
