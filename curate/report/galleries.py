"""Which samples the page shows. The choice is keyed by uid: the same on any machine, in any order.

"Dropped" are samples that left at this very rule; "just below" and "just above" are those nearest to a
threshold on its two sides: dropped by it, and past it (whatever a later rule said of them).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from curate import schema as c
from curate.report.columns import MEASURABLE, RULE
from curate.report.evidence import Threshold
from curate.report.numbers import number
from curate.uid import draw

BUDGET = 240  # thumbnails of a page
ROW = 3  # pictures side by side in one of three galleries
CANDIDATES = 1_000  # the smallest uids among which a draw picks
COLUMNS = (c.UID, c.IMAGE_UID, c.ORIGIN, c.CAPTION, c.URL, c.KEEP, c.REASON, c.FAILED)


@dataclass(frozen=True)
class Gallery:
    """Samples as dictionaries of COLUMNS; `score` is added when a threshold's column orders them."""

    title: str
    side: str  # "dropped" | "below" | "above" | "kept": how the page paints it
    samples: list[dict] = field(default_factory=list)
    column: str | None = None


class Galleries:
    """Chooses samples of one frame, in the funnel's order of rules."""

    def __init__(self, frame: pl.LazyFrame, rules: Sequence[dict], size: int) -> None:
        self.frame = frame
        self.size = size
        self.place = {row["rule"]: place for place, row in enumerate(rules)}
        self.columns = set(frame.collect_schema().names())

    def kept(self) -> Gallery:
        return Gallery("Kept", "kept", self._drawn(pl.col(c.KEEP), "kept"))

    def written(self) -> Gallery:
        """Of what captioners wrote, whatever became of it."""
        return Gallery("Texts that captioners wrote", "above", self._drawn(pl.col(c.ORIGIN) == c.SYNTHETIC, "written"))

    def stage(self, stage: str, rules: Sequence[str]) -> list[Gallery]:
        """Dropped and kept, for a stage whose rules compare samples with one another."""
        dropped = self._drawn(_left_at(rules), f"{stage} dropped")
        passed = self._drawn(self._passed(rules[-1]), f"{stage} passed")
        return [Gallery("Dropped", "dropped", dropped), Gallery("Let through", "above", passed)]

    def threshold(self, threshold: Threshold) -> list[Gallery]:
        """Dropped, nearest on the dropped side, nearest on the kept side."""
        column, rule = threshold.column, f"{threshold.stage}.{threshold.rule}"
        if column not in self.columns:
            return self.stage(threshold.stage, [rule])
        value = pl.col(column).cast(pl.Float64)
        low = threshold.bound == "min"
        # A rule with two bounds (words: [3, 20]) is told apart by the side on which the value lies.
        outside = (value <= threshold.value) if low else (value >= threshold.value)
        inside = (value >= threshold.value) if low else (value <= threshold.value)
        left = _left_at([rule])
        shown = number(threshold.value)
        near, far = ("Just below", "Just above") if low else ("Just above", "Just below")
        dropped = self._drawn(left & (outside | value.is_null()), f"{rule} {threshold.bound}", column)
        passed = self._nearest(self._passed(rule) & inside, threshold)
        # A threshold that took few needs no long row of what it let through.
        passed = passed[: max(ROW, len(dropped))]
        return [
            Gallery("Dropped", "dropped", dropped, column),
            Gallery(f"{near} {shown}", "below", self._nearest(left & outside, threshold), column),
            Gallery(f"{far} {shown}", "above", passed, column),
        ]

    def _passed(self, rule: str) -> pl.Expr:
        """Reached the rule and got past it: kept, or dropped by a later one."""
        last = self.place.get(rule, -1)
        later = [name for name, place in self.place.items() if place > last]
        return pl.col(c.KEEP) | pl.col(RULE).is_in(later).fill_null(False)

    def _drawn(self, condition: pl.Expr, purpose: str, column: str | None = None) -> list[dict]:
        found = self._select(condition, column).sort(c.UID).head(CANDIDATES).collect().to_dicts()
        return sorted(found, key=lambda row: (draw(0, row[c.UID] or "", purpose), row[c.UID] or ""))[: self.size]

    def _nearest(self, condition: pl.Expr, threshold: Threshold) -> list[dict]:
        away = (pl.col("score") - threshold.value).abs()
        found = self._select(condition, threshold.column).filter(pl.col("score").is_finite())
        return found.sort(away, c.UID).head(self.size).collect().to_dicts()

    def _select(self, condition: pl.Expr, column: str | None) -> pl.LazyFrame:
        score = pl.col(column).cast(pl.Float64) if column else pl.lit(None, pl.Float64)
        return self.frame.filter(MEASURABLE).filter(condition).select(*COLUMNS, score.alias("score"))


def _left_at(rules: Sequence[str]) -> pl.Expr:
    return ~pl.col(c.KEEP) & pl.col(RULE).is_in(list(rules)).fill_null(False)


def within(galleries: Sequence[Gallery], budget: int) -> list[Gallery]:
    """The galleries cut so that all together hold at most `budget` samples, the largest cut first."""
    sizes = [len(gallery.samples) for gallery in galleries]
    allowed, left, open_galleries = 0, budget, len(sizes)
    for size in sorted(sizes):
        allowed = left // open_galleries
        if size > allowed:
            break
        left -= size
        open_galleries -= 1
        allowed = size
    if not open_galleries:
        return list(galleries)
    limit = allowed - allowed % ROW if allowed >= ROW else allowed
    return [replace(gallery, samples=gallery.samples[:limit]) for gallery in galleries]
