"""Filters on a table of signals, in memory: no run, no recipe, no folder.

answer = ask(pl.read_parquet("signals.parquet"), [Score(column="clip_score_b32", top=0.3)])
kept = frame.filter(pl.Series(answer.keep))
"""

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Tables, widest
from curate.corpus.alt_text_counts import AltTextCounts
from curate.errors import InputError
from curate.filters.rule import Filter
from curate.subset import Subset, decide
from curate.uid import content_uid


def ask(frame: pl.DataFrame, filters: Sequence[Filter], *, outside: Mapping[str, pl.DataFrame] | None = None) -> Subset:
    """Who is kept, and why not the others: a row per row of the frame, in its order.

    frame    a row per sample; `uid`, `image_uid`, `origin`, `outcome` and `sha256` are made up where they are missing
             (see `completed`), every other column that a filter reads must be there
    outside  for filters that compare with images from outside the pool: name -> table of `item` and its signal

    Every corpus pass that the filters need is computed here, over the whole frame. Raises InputError for columns,
    or tables of outside images, that are missing.
    """
    whole = completed(frame)
    tables: dict[str, Tables] = {}
    for work in _passes(filters, whole.columns):
        whole, tables[work.name] = _run(work, whole, outside or {})
    missing = sorted(set().union(*(item.reads() for item in filters)) - set(whole.columns))
    if missing:
        raise InputError(f"the table has no column {', '.join(map(repr, missing))}", "measure it, or rename a column")
    return decide(whole, filters, tables)


def completed(frame: pl.DataFrame) -> pl.DataFrame:
    """With the columns that say who a sample is: plain tables of signals rarely have them all.

    uid        of the url and the caption, else of the sha256 and the caption, else the row's number in hex
    sha256     the image_uid, else the uid: each row its own image
    image_uid  the smallest uid of the rows with this sha256
    origin     web; outcome  ok
    """
    if c.UID not in frame.columns:
        frame = frame.with_columns(pl.Series(c.UID, _uids(frame), dtype=pl.String))
    frame = frame.with_columns(pl.col(c.UID).cast(pl.String))
    if c.SHA256 not in frame.columns:
        frame = frame.with_columns(pl.col(c.IMAGE_UID if c.IMAGE_UID in frame.columns else c.UID).alias(c.SHA256))
    if c.IMAGE_UID not in frame.columns:
        first = pl.col(c.UID).min().over(c.SHA256)
        frame = frame.with_columns(
            pl.when(pl.col(c.SHA256).is_not_null()).then(first).otherwise(c.UID).alias(c.IMAGE_UID)
        )
    constants = {c.ORIGIN: c.WEB, c.OUTCOME: str(c.Outcome.OK)}
    return frame.with_columns(pl.lit(v).alias(name) for name, v in constants.items() if name not in frame.columns)


def _uids(frame: pl.DataFrame) -> Iterable[str]:
    name = c.URL if c.URL in frame.columns else c.SHA256
    if name not in frame.columns or c.CAPTION not in frame.columns or frame[name].null_count():
        return [f"{row:032x}" for row in range(len(frame))]
    pairs = zip(frame[name].to_list(), frame[c.CAPTION].to_list(), strict=True)
    return [content_uid(place, caption or "") for place, caption in pairs]


def _passes(filters: Sequence[Filter], there: Sequence[str]) -> list[CorpusPass]:
    """Those that the filters name, of two with one name the wider one; and the counts, if they are read."""
    found = widest(work for item in filters for work in item.passes())
    read = set().union(*(item.reads() for item in filters)) - set(there)
    if read & set(AltTextCounts.schema.names):
        found.setdefault(AltTextCounts.name, AltTextCounts())
    return [found[name] for name in sorted(found)]


def _run(work: CorpusPass, frame: pl.DataFrame, outside: Mapping[str, pl.DataFrame]) -> tuple[pl.DataFrame, Tables]:
    columns = sorted({c.UID, *(name for listed in work.reads.values() for name in listed)})
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise InputError(f"{work.name} reads {', '.join(missing)}, which the table has not", "measure it first")
    wanted = {images.name: images.column for images in work.outside()}
    for name, column in wanted.items():
        if name not in outside:
            raise InputError(
                f"{work.name} compares with {name!r}", f"give outside={{{name!r}: a table of item, {column}}}"
            )
    seen = frame.select(columns)
    tables = work.merge(iter([work.partial(seen)]), {name: outside[name] for name in wanted} or None)
    made = work.per_sample(tables, seen)
    if made is None:
        return frame, tables
    more = pl.from_arrow(made)
    assert isinstance(more, pl.DataFrame)
    return frame.with_columns(more.get_columns()), tables
