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
from curate.distinct import Distinct, numbered
from curate.filters.answer import Answer, Question, ask
from curate.filters.rule import Filter
from curate.uid import pack_uids, sort_uids

NEEDS = (c.UID, c.IMAGE_UID, c.ORIGIN, c.OUTCOME, c.SHA256)  # of the pool, whatever the filters read
WHO = (c.UID, c.IMAGE_UID, c.ORIGIN)
CHUNK = 1 << 20  # rows of a table that are made at once, and of a row group
REPEATED = "input.repeated"
OUTCOMES = (c.Outcome.OK, *(outcome for outcome in c.Outcome if outcome is not c.Outcome.OK))


@dataclass(frozen=True)
class Known:
    """What a pool's identity columns say, whatever the filters are: found once, of ten million rows in seconds."""

    there: np.ndarray  # (rows,) bool: not synthetic
    repeated: np.ndarray  # (rows,) bool: its uid was asked for before
    outcomes: np.ndarray  # (rows,) uint8: a place in `OUTCOMES`
    contents: np.ndarray  # (rows,) uint32: its sha256, as `curate.distinct.numbered`


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
    open: np.ndarray | None = None  # (rows,) bool: what every rule was asked of and kept, but for rules about texts

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
        return (self.batch(start, self.frame[start : start + rows]) for start in range(0, self.rows, rows))

    def batch(self, start: int, who: pl.DataFrame) -> pa.RecordBatch:
        """The rows from `start` on; `who` has their uid, image_uid and origin."""
        at = slice(start, start + len(who))
        arrays = {
            **{name: who[name].rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()) for name in WHO},
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
    """Grows rule by rule: who is still in, why each left, and every rule that each failed.

    `open`: who is in, or left for what the text alone says; None where nobody will ask.
    """

    def __init__(self, known: Known, *, follows: bool) -> None:
        self.alive = known.there
        self.open = known.there if follows else None
        self.copies: np.ndarray | None = None
        self.first = np.zeros(len(known.there), np.uint32)
        self.reasons: list[str] = []
        self.failed: list[Answer] = []
        self.funnel: list[c.FunnelRow] = []
        self._contents = Distinct(known.contents)

    def add(self, stage: str, which: np.ndarray) -> None:
        """Let appended samples in: captions that a stage among the filters wrote."""
        if self.open is not None:
            self.open = self.open | which
        before = int(np.count_nonzero(self.alive))
        if self.copies is not None:  # what joins is there once, whatever an earlier rule said of the others
            self.copies = np.where(which & ~self.alive, np.int32(1), self.copies)
        self.alive = self.alive | which
        kept = int(np.count_nonzero(self.alive))
        self._close(stage, "appended", before, kept - before, 0, kept)

    def drop(self, stage: str, rule: str, answer: Answer, *, asked: np.ndarray | None = None, text: bool) -> None:
        """Take the rows out that are in and have a code; its word is the reason. `text`: it is about texts alone."""
        before = int(np.count_nonzero(self.alive))
        if self.open is not None and not text:
            self.open = self.open & (answer.codes == 0)
            self.open = self.open if asked is None else self.open & asked
        lost = answer.codes != 0
        leaving = self.alive & lost
        np.copyto(self.first, answer.codes.astype(np.uint32) + np.uint32(len(self.reasons)), where=leaving)
        self.reasons += answer.words
        self.alive = self.alive & ~lost
        if answer.copies is not None:
            self.copies = answer.copies
        dropped = int(np.count_nonzero(leaving))
        self._close(stage, rule, before, 0, dropped, before - dropped)

    def _close(self, stage: str, rule: str, before: int, added: int, dropped: int, kept: int) -> None:
        images = self._contents.count(self.alive)
        self.funnel.append(c.FunnelRow(stage, rule, before, added, dropped, kept, images))

    def subset(self, frame: pl.DataFrame) -> Subset:
        copies = self.alive.astype(np.int32)
        who = [name for name in WHO if name in frame.columns]
        return Subset(
            frame.select(who),
            self.alive,
            copies if self.copies is None else copies * self.copies,
            self.first,
            tuple(self.reasons),
            tuple(self.failed),
            self.funnel,
            self.open,
        )


def decide(
    frame: pl.DataFrame,
    filters: Sequence[Filter],
    tables: dict[str, Tables],
    known: Known | None = None,
    *,
    follows: bool = False,
) -> Subset:
    """Ask every rule in order.

    frame    a row per pool row in pool order, then the synthetic rows if there are any: NEEDS and every
             column that the filters read. A synthetic row is in from the item on whose `writer` wrote it, if its
             image is wanted there; a second item with the same writer appends nothing. `captioner` says who wrote
             it; without that column the first writer did. A plain table may have uid alone of NEEDS: all rows then
             count as from the web and as downloaded
    tables   corpus pass -> its whole-pool tables, for the rules that compare samples
    known    what `know` finds in the frame, where that was asked before; the frame then needs none of NEEDS
             but image_uid for an item with a writer, and what a filter or a caller reads
    follows  keep `open`, for captions that will join after these filters
    """
    known = known or know(frame)
    verdicts = _Verdicts(known, follows=follows or any(item.writer for item in filters))
    repeated = known.repeated & verdicts.alive
    answer = Answer(repeated.view(np.uint8), (REPEATED,))
    verdicts.drop("input", "repeated", answer, text=False)
    verdicts.failed.append(answer)
    _downloads(verdicts, known.outcomes)
    downloaded = verdicts.alive
    wrote: set[str] = set()
    for item in filters:
        if item.writer is not None and item.writer not in wrote:
            wrote.add(item.writer)
            joining = _written_by(frame, known, item.writer) & ~downloaded
            joining &= _of_images(frame, joining, in_reach(item, verdicts.alive, verdicts.open))
            verdicts.add(item.stage, joining)
            downloaded = downloaded | joining
        for rule in item.rules():
            question = Question(frame, tables, downloaded, verdicts.alive)
            answer, asked = ask(rule, question, f"{item.stage}.{rule.name}"), question.asked(rule)
            verdicts.failed.append(Answer(answer.codes * asked, answer.words))
            verdicts.drop(item.stage, rule.name, answer, asked=asked, text=rule.of_text)
    return verdicts.subset(frame)


def in_reach(item: Filter, alive: np.ndarray, open_: np.ndarray | None) -> np.ndarray:
    """The rows whose images an item with a writer captions."""
    return open_ if item.rescues and open_ is not None else alive


def _written_by(frame: pl.DataFrame, known: Known, writer: str) -> np.ndarray:
    if c.CAPTIONER not in frame.columns:
        return ~known.there
    return ~known.there & _bools(frame[c.CAPTIONER].cast(pl.String) == writer)


def _of_images(frame: pl.DataFrame, rows: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Of the `rows` those whose image some row of `of` has."""
    found, images, row = np.zeros(len(rows), bool), frame.select(c.IMAGE_UID), "row"
    some = images.with_row_index(row).filter(pl.Series(rows))
    found[some.join(images.filter(pl.Series(of)), on=c.IMAGE_UID, how="semi")[row].to_numpy()] = True
    return found


def know(frame: pl.DataFrame) -> Known:
    """Of NEEDS but image_uid. Without an origin all is there, without an outcome all came, without a sha256 an image
    is what has a uid of its own."""
    there, codes = np.ones(len(frame), bool), np.zeros(len(frame), np.uint8)
    if c.ORIGIN in frame.columns:
        there = _bools(frame[c.ORIGIN] != c.SYNTHETIC)
    if c.OUTCOME in frame.columns:
        outcomes = frame[c.OUTCOME].cast(pl.Enum([str(outcome) for outcome in OUTCOMES]), strict=False)
        codes = outcomes.to_physical().fill_null(0).cast(pl.UInt8).to_numpy()
    uids = numbered(frame[c.UID])
    contents = numbered(frame[c.SHA256]) if c.SHA256 in frame.columns else uids
    return Known(there, _repeated(uids, codes), codes, contents)


def _repeated(uids: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """Of a uid that was asked for twice the first that came is the one, else simply the first."""
    found = np.zeros(len(uids), bool)
    rows = np.flatnonzero(uids > 1)
    rows = rows[np.lexsort((rows, outcomes[rows] != 0, uids[rows]))]
    found[rows[1:][uids[rows][1:] == uids[rows][:-1]]] = True
    return found


def _downloads(verdicts: _Verdicts, outcomes: np.ndarray) -> None:
    """One funnel row for every way a download failed."""
    for code in np.flatnonzero(np.bincount(outcomes)).tolist() if outcomes.any() else []:
        if not code:
            continue
        outcome, codes = OUTCOMES[code], (outcomes == code).view(np.uint8)
        verdicts.drop("download", outcome, Answer(codes, (f"download.{outcome}",)), text=False)


def _bools(series: pl.Series) -> np.ndarray:
    """Null counts as false."""
    return series.fill_null(False).to_numpy()


def datacomp_uids(subset: pa.Table) -> np.ndarray:
    """DataComp's subset file: sorted pairs of unsigned 64-bit integers, a uid as often as it has copies."""
    kept = pl.from_arrow(subset.select([c.UID, c.KEEP, c.COPIES]))
    assert isinstance(kept, pl.DataFrame)
    kept = kept.filter(pl.col(c.KEEP))
    return sort_uids(np.repeat(pack_uids(kept[c.UID]), kept[c.COPIES].to_numpy()))
