"""The filters' answer: for every sample keep or drop, the first failing rule, every failing rule; and the funnel.

A cheap, pure function of columns: no model runs and no pixel is touched, so another threshold costs seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import Tables
from curate.filters.rule import Filter, Rule
from curate.uid import split_uid

NEEDS = (c.UID, c.IMAGE_UID, c.ORIGIN, c.OUTCOME, c.SHA256)  # of the pool, whatever the filters read


@dataclass(frozen=True)
class Subset:
    table: pa.Table  # schema.SUBSET, a row per row of the frame, in its order
    funnel: list[c.FunnelRow]


@dataclass
class _Verdicts:
    """Grows rule by rule: who is still in, why each left, and every rule that each failed."""

    contents: pl.Series  # sha256 of each row's image
    alive: pl.Series
    reason: pl.Series
    failed: list[pl.Series]
    funnel: list[c.FunnelRow]

    def add(self, stage: str, which: pl.Series) -> None:
        """Let appended samples in: captions that a stage among the filters wrote."""
        before, joining = int(self.alive.sum()), which & ~self.alive
        self.alive = self.alive | joining
        kept = int(self.alive.sum())
        images = self.contents.filter(self.alive).drop_nulls().n_unique()
        self.funnel.append(c.FunnelRow(stage, "appended", before, kept - before, 0, kept, images))

    def drop(self, stage: str, rule: str, lost: pl.Series, why: pl.Series) -> None:
        """Take the rows out that are in and `lost`; `why` is the reason per row."""
        before = int(self.alive.sum())
        leaving = self.alive & lost
        self.reason = pl.select(pl.when(leaving).then(why).otherwise(self.reason)).to_series()
        self.alive = self.alive & ~lost
        kept = int(self.alive.sum())
        images = self.contents.filter(self.alive).drop_nulls().n_unique()
        self.funnel.append(c.FunnelRow(stage, rule, before, 0, before - kept, kept, images))


def decide(frame: pl.DataFrame, filters: Sequence[Filter], tables: dict[str, Tables]) -> Subset:
    """Ask every rule in order.

    frame   a row per pool row in pool order, then the synthetic rows if there are any: NEEDS and every
            column that the filters read. A synthetic row is in from the item on that `appends` it.
    tables  corpus pass -> its whole-pool tables, for the rules that compare samples
    """
    verdicts = _start(frame)
    downloaded = verdicts.alive
    for item in filters:
        if item.appends:
            living = frame[c.IMAGE_UID].filter(verdicts.alive).unique()
            joining = (frame[c.ORIGIN] == c.SYNTHETIC) & frame[c.IMAGE_UID].is_in(living.implode())
            verdicts.add(item.stage, joining)
            downloaded = downloaded | joining
        for rule in item.rules():
            _ask(verdicts, frame, item.stage, rule, tables, downloaded)
    table = pa.table(
        {
            c.UID: frame[c.UID].to_arrow(),
            c.IMAGE_UID: frame[c.IMAGE_UID].to_arrow(),
            c.ORIGIN: frame[c.ORIGIN].to_arrow(),
            c.KEEP: verdicts.alive.to_arrow(),
            c.REASON: verdicts.reason.to_arrow(),
            c.FAILED: _lists(verdicts.failed, len(frame)).to_arrow(),
            c.COPIES: verdicts.alive.cast(pl.Int32).to_arrow(),
        }
    )
    return Subset(table.cast(c.SUBSET), verdicts.funnel)


def _start(frame: pl.DataFrame) -> _Verdicts:
    """`input.repeated` first, then one row for every way a download failed."""
    rows = len(frame)
    nothing = pl.Series([None] * rows, dtype=pl.String)
    asked_for = frame[c.ORIGIN] != c.SYNTHETIC
    verdicts = _Verdicts(frame[c.SHA256], asked_for, nothing, [], [])
    # Of a uid that was asked for twice the first that came is the one, else simply the first.
    ranked = frame.select(c.UID, pl.col(c.OUTCOME) != c.Outcome.OK).with_row_index("row")
    best = ranked.sort(c.OUTCOME, "row").unique(c.UID, keep="first", maintain_order=True)["row"]
    repeated = asked_for & ~ranked["row"].is_in(best.implode())
    reason = pl.Series(["input.repeated"] * rows, dtype=pl.String)
    verdicts.drop("input", "repeated", repeated, reason)
    verdicts.failed.append(pl.select(pl.when(repeated).then(reason)).to_series())
    outcomes = frame[c.OUTCOME]
    seen = set(outcomes.unique().to_list())
    for outcome in c.Outcome:
        if outcome is not c.Outcome.OK and outcome in seen:
            why = pl.Series([f"download.{outcome}"] * rows, dtype=pl.String)
            verdicts.drop("download", outcome, outcomes == outcome, why)
    return verdicts


def _ask(
    verdicts: _Verdicts,
    frame: pl.DataFrame,
    stage: str,
    rule: Rule,
    tables: dict[str, Tables],
    downloaded: pl.Series,
) -> None:
    asked = verdicts.alive if rule.of == "survivors" else downloaded
    if rule.compare is not None:
        answer = rule.compare(frame, asked, tables)
    else:
        assert rule.keep is not None
        answer = frame.select(rule.keep.alias("keep"))["keep"]
        if len(answer) != len(frame):  # a condition without columns gives one row
            answer = answer.extend_constant(answer[0], len(frame) - len(answer))
    name = f"{stage}.{rule.name}"
    why = pl.select(pl.when(answer.is_null()).then(pl.lit(f"{name}:null")).otherwise(pl.lit(name))).to_series()
    lost = ~answer.fill_null(False)
    verdicts.failed.append(pl.select(pl.when(lost & asked).then(why)).to_series())
    verdicts.drop(stage, rule.name, lost, why)


def _lists(failed: Iterable[pl.Series], rows: int) -> pl.Series:
    columns = [series.alias(str(i)) for i, series in enumerate(failed)]
    if not columns:
        return pl.Series([[]] * rows, dtype=pl.List(pl.String))
    return pl.DataFrame(columns).select(pl.concat_list(pl.all()).list.drop_nulls().alias("failed"))["failed"]


def datacomp_uids(subset: pa.Table) -> np.ndarray:
    """DataComp's subset file: sorted pairs of unsigned 64-bit integers, a uid as often as it has copies."""
    kept = pl.from_arrow(subset.select([c.UID, c.KEEP, c.COPIES]))
    assert isinstance(kept, pl.DataFrame)
    uids = kept.filter(pl.col(c.KEEP)).select(pl.col(c.UID).repeat_by(c.COPIES).explode())[c.UID].sort()
    return np.array(split_uid(uids.to_list()), dtype=np.dtype("u8,u8"))
