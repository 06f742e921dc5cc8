"""The filters' answer: for every sample keep or drop, the first failing rule, every failing rule; and the funnel.

A cheap, pure function of columns: no model runs and no pixel is touched, so another threshold costs seconds.
Inside, a row is a bit and a few small integers; its strings are made where a table is asked for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import Tables
from curate.distinct import Distinct, groups
from curate.filters.answer import Answer, Question, ask
from curate.filters.rule import Filter
from curate.uid import pack_uids, sort_uids

NEEDS = (c.UID, c.IMAGE_UID, c.ORIGIN, c.OUTCOME, c.SHA256)  # of the pool, whatever the filters read
CHUNK = 1 << 20  # rows of a table that are made at once, and of a row group
REPEATED = "input.repeated"


@dataclass(frozen=True)
class Subset:
    """Row by row in the frame's order. `first` is 0 for a row that is kept, else 1 plus a place in `reasons`."""

    frame: pl.DataFrame  # uid, image_uid and origin, as far as they were read
    keep: np.ndarray  # (rows,) bool
    copies: np.ndarray  # (rows,) int32, 0 for what is dropped
    first: np.ndarray  # (rows,) uint32
    reasons: tuple[str, ...]
    failed: tuple[Answer, ...]  # of every rule, 0 for a row that was not asked
    funnel: list[c.FunnelRow]

    @property
    def rows(self) -> int:
        return len(self.keep)

    @property
    def kept(self) -> int:
        return int(np.count_nonzero(self.keep))

    @cached_property
    def table(self) -> pa.Table:
        """schema.SUBSET, a row per row of the frame, in its order."""
        return pa.Table.from_batches(self.batches(), c.SUBSET).combine_chunks()

    def batches(self, rows: int = CHUNK) -> Iterator[pa.RecordBatch]:
        """The same table, so many rows at a time."""
        for start in range(0, self.rows, rows):
            yield self.batch(slice(start, start + rows))

    def batch(self, at: slice) -> pa.RecordBatch:
        who = self.frame[at].select(c.UID, c.IMAGE_UID, c.ORIGIN)
        named = {name: who[name].to_arrow(compat_level=pl.CompatLevel.oldest()) for name in who.columns}
        arrays = {
            **named,
            c.KEEP: pa.array(self.keep[at]),
            c.REASON: self.reason(at),
            c.FAILED: _lists([Answer(a.codes[at], a.words) for a in self.failed], len(who)),
            c.COPIES: pa.array(self.copies[at]),
        }
        return pa.record_batch([arrays[field.name].cast(field.type) for field in c.SUBSET], schema=c.SUBSET)

    def reason(self, at: slice | np.ndarray) -> pa.Array:
        """Strings for some rows; null for those that are kept."""
        return _words(self.first[at].astype(np.int32), self.reasons)

    def uids(self) -> np.ndarray:
        """DataComp's subset file: see `datacomp_uids`."""
        rows = np.flatnonzero(self.keep)
        return sort_uids(np.repeat(pack_uids(self.frame[c.UID].gather(rows)), self.copies[rows]))


def _words(codes: np.ndarray, words: Sequence[str]) -> pa.Array:
    dictionary = pa.array(list(words) or [""], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes - 1, mask=codes == 0), dictionary).cast(pa.string())


def _lists(failed: Sequence[Answer], rows: int) -> pa.Array:
    """Per row the words of the answers that are not 0, in order."""
    counts = np.zeros(rows, np.int32)
    for answer in failed:
        counts += answer.codes != 0
    ends = np.zeros(rows + 1, np.int32)
    np.cumsum(counts, out=ends[1:])
    spelled, free = np.zeros(ends[-1], np.int32), ends[:-1].copy()
    known: list[str] = []
    for answer in failed:
        at = np.flatnonzero(answer.codes)
        spelled[free[at]] = answer.codes[at].astype(np.int32) + len(known)
        free[at] += 1
        known += answer.words
    return pa.ListArray.from_arrays(pa.array(ends), _words(spelled, known))


class _Verdicts:
    """Grows rule by rule: who is still in, why each left, and every rule that each failed."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.alive = _bools(frame[c.ORIGIN] != c.SYNTHETIC)
        self.copies: np.ndarray | None = None
        self.first = np.zeros(len(frame), np.uint32)
        self.reasons: list[str] = []
        self.failed: list[Answer] = []
        self.funnel: list[c.FunnelRow] = []
        self._contents = Distinct(frame[c.SHA256])

    def add(self, stage: str, which: np.ndarray) -> None:
        """Let appended samples in: captions that a stage among the filters wrote."""
        before = int(np.count_nonzero(self.alive))
        self.alive = self.alive | which
        kept = int(np.count_nonzero(self.alive))
        self._close(stage, "appended", before, kept - before, 0, kept)

    def drop(self, stage: str, rule: str, answer: Answer) -> None:
        """Take the rows out that are in and have a code; its word is the reason."""
        before = int(np.count_nonzero(self.alive))
        lost = answer.codes != 0
        leaving = np.flatnonzero(self.alive & lost)
        self.first[leaving] = answer.codes[leaving].astype(np.uint32) + np.uint32(len(self.reasons))
        self.reasons += answer.words
        self.alive = self.alive & ~lost
        if answer.copies is not None:
            self.copies = answer.copies
        self._close(stage, rule, before, 0, len(leaving), before - len(leaving))

    def _close(self, stage: str, rule: str, before: int, added: int, dropped: int, kept: int) -> None:
        images = self._contents.count(self.alive)
        self.funnel.append(c.FunnelRow(stage, rule, before, added, dropped, kept, images))

    def subset(self, frame: pl.DataFrame) -> Subset:
        copies = np.ones(len(frame), np.int32) if self.copies is None else self.copies
        who = [name for name in (c.UID, c.IMAGE_UID, c.ORIGIN) if name in frame.columns]
        return Subset(
            frame.select(who),
            self.alive,
            np.where(self.alive, copies, 0).astype(np.int32),
            self.first,
            tuple(self.reasons),
            tuple(self.failed),
            self.funnel,
        )


def decide(
    frame: pl.DataFrame, filters: Sequence[Filter], tables: dict[str, Tables], repeated: np.ndarray | None = None
) -> Subset:
    """Ask every rule in order.

    frame     a row per pool row in pool order, then the synthetic rows if there are any: NEEDS and every
              column that the filters read. A synthetic row is in from the item on that `appends` it.
    tables    corpus pass -> its whole-pool tables, for the rules that compare samples
    repeated  (rows,) bool, where `input.repeated` is known from an earlier answer; the frame then needs no uid,
              unless a filter or the caller reads it
    """
    verdicts = _Verdicts(frame)
    repeated = (_repeated(frame) if repeated is None else repeated) & verdicts.alive
    answer = Answer(repeated.astype(np.uint8), (REPEATED,))
    verdicts.drop("input", "repeated", answer)
    verdicts.failed.append(answer)
    _downloads(verdicts, frame[c.OUTCOME])
    downloaded = verdicts.alive
    for item in filters:
        if item.appends:
            living = frame[c.IMAGE_UID].filter(pl.Series(verdicts.alive)).unique()
            joining = _bools((frame[c.ORIGIN] == c.SYNTHETIC) & frame[c.IMAGE_UID].is_in(living.implode()))
            verdicts.add(item.stage, joining)
            downloaded = downloaded | joining
        for rule in item.rules():
            question = Question(frame, tables, downloaded, verdicts.alive)
            answer = ask(rule, question, f"{item.stage}.{rule.name}")
            asked = np.where(question.asked(rule), answer.codes, 0).astype(answer.codes.dtype)
            verdicts.failed.append(Answer(asked, answer.words))
            verdicts.drop(item.stage, rule.name, answer)
    return verdicts.subset(frame)


def _repeated(frame: pl.DataFrame) -> np.ndarray:
    """Of a uid that was asked for twice the first that came is the one, else simply the first."""
    rows, codes = groups(frame[c.UID])
    few = pl.DataFrame({"row": rows, "group": codes, "failed": frame[c.OUTCOME].gather(rows) != c.Outcome.OK})
    others = few.filter(pl.col("row") != pl.col("row").sort_by("failed", "row").first().over("group"))["row"]
    found = np.zeros(len(frame), bool)
    found[others.to_numpy()] = True
    return found


def _downloads(verdicts: _Verdicts, outcomes: pl.Series) -> None:
    """One funnel row for every way a download failed."""
    seen = set(outcomes.filter(outcomes != c.Outcome.OK).unique().to_list())
    for outcome in c.Outcome:
        if outcome is not c.Outcome.OK and outcome in seen:
            codes = _bools(outcomes == outcome).view(np.uint8)
            verdicts.drop("download", outcome, Answer(codes, (f"download.{outcome}",)))


def _bools(series: pl.Series) -> np.ndarray:
    """Null counts as false."""
    return series.fill_null(False).to_numpy()


def datacomp_uids(subset: pa.Table) -> np.ndarray:
    """DataComp's subset file: sorted pairs of unsigned 64-bit integers, a uid as often as it has copies."""
    kept = pl.from_arrow(subset.select([c.UID, c.KEEP, c.COPIES]))
    assert isinstance(kept, pl.DataFrame)
    kept = kept.filter(pl.col(c.KEEP))
    return sort_uids(np.repeat(pack_uids(kept[c.UID]), kept[c.COPIES].to_numpy()))
