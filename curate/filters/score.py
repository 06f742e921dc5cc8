"""Keep samples by any number that was measured of them: within bounds, or the best fraction.

`min` and `max` keep what equals them (`inclusive: false`: not). `top` keeps the best fraction, exactly: of n
measured samples the first ceil(n * top) in the order (score descending, uid ascending), with `top` read as the
decimal that was written, so top 0.29 of 100 keeps 29. DataComp's released code (arXiv 2304.14108) takes the
score at place int(n * top), which keeps one more, and more still at ties, and fails at 1.
n counts the downloaded samples (`of: pool`) or those that no earlier rule dropped (`of: survivors`).
`per: COLUMN` takes the fraction of each of that column's values by itself, as WebLI does of languages
(arXiv 2209.06794); without it a fraction is of the whole pool, never of a shard. NaN counts as unmeasured.
`top: estimated` takes the share of right pairs that `curate.filters.noise_rate` reads from these same scores, rounded
to a thousandth; where they do not part in two groups all are kept, because then no threshold can be read from them.
"""

import math
from fractions import Fraction
from typing import Annotated, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import Tables
from curate.filters.noise_rate import right_share
from curate.filters.rule import Filter, Of, Rule, Threshold

ESTIMATED: Literal["estimated"] = "estimated"
Top = Annotated[float, Field(gt=0, le=1)] | Literal["estimated"]


class Score(Filter):
    type: ClassVar[str] = "score"
    column: str = Field(description="any number: a signal, or a column of a corpus pass")
    min: float | None = Field(None, description="smallest that is kept")
    max: float | None = Field(None, description="largest that is kept")
    top: Top | None = Field(None, description="fraction, or estimated: the share of right pairs, read from the scores")
    of: Of = "pool"
    per: str | None = Field(None, description="take the fraction of each value of this column, such as language")
    inclusive: bool = Field(True, description="keep a score that equals a bound")

    @model_validator(mode="after")
    def _one_of(self) -> "Score":
        bounds = self.min is not None or self.max is not None
        if bounds == (self.top is not None):
            raise ValueError("give either min or max (or both), or top (a fraction, or estimated)")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min ({self.min}) is above max ({self.max})")
        if self.per is not None and self.top is None:
            raise ValueError("per goes with top: a bound is the same for every value")
        return self

    def rules(self) -> list[Rule]:
        if self.top is None:
            return bounds(self.column, self.min, self.max, inclusive=self.inclusive)
        return [top_rule(self.column, self.top, self.of, self.per)]

    def reads(self) -> set[str]:
        return {self.column, *top_reads(self.top, self.per)}


def bounds(column: str, minimum: float | None, maximum: float | None, *, inclusive: bool = True) -> list[Rule]:
    """A rule per bound that is given. NaN is unmeasured."""
    value = pl.col(column).fill_nan(None)
    rules = []
    if minimum is not None:
        keep = value >= minimum if inclusive else value > minimum
        rules.append(Rule("min", keep, thresholds=(Threshold(column, "min", minimum, inclusive),)))
    if maximum is not None:
        keep = value <= maximum if inclusive else value < maximum
        rules.append(Rule("max", keep, thresholds=(Threshold(column, "max", maximum, inclusive),)))
    return rules


def top_rule(column: str, fraction: Top, of: Of, per: str | None = None) -> Rule:
    def best(frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        return top_fraction(frame[column], frame[c.UID], asked, fraction, frame[per] if per else None)

    return Rule("top", compare=best, of=of, compared=(column,))


def top_reads(fraction: Top | None, per: str | None) -> set[str]:
    """What a `top_rule` reads beside the score; nothing where there is no fraction."""
    return set() if fraction is None else {c.UID} | ({per} if per else set())


def top_fraction(
    scores: pl.Series, uids: pl.Series, asked: pl.Series, fraction: Top, per: pl.Series | None = None
) -> pl.Series:
    """True for the best ceil(n * fraction) of the n asked and measured; null where nothing was measured.

    `per`: the same within each of its values; null where it is null.
    """
    measured = scores.fill_nan(None).is_not_null()
    if per is not None:
        measured = measured & per.is_not_null()
    rows = (asked & measured).arg_true().to_numpy()
    values = scores.gather(rows).to_numpy()
    kept = np.zeros(len(scores), bool)
    for part in _groups(per.gather(rows)) if per is not None else [slice(None)]:
        share = round(right_share(values[part]), 3) if fraction == ESTIMATED else fraction
        count = math.ceil(len(values[part]) * Fraction(str(share)))
        kept[_first(values[part], rows[part], uids, count)] = True
    return pl.select(pl.when(measured).then(pl.Series(kept))).to_series()


def threshold_for_rate(scores: pl.Series, fraction: float) -> float:
    """The `min` that keeps ceil(n * fraction) of the n measured scores, and more only at ties. ValueError for none."""
    values = scores.fill_nan(None).drop_nulls().to_numpy()
    count = math.ceil(len(values) * Fraction(str(fraction)))
    if not 0 < count <= len(values):
        raise ValueError(f"a fraction of {fraction} of {len(values)} scores is no score")
    return float(np.partition(values, len(values) - count)[len(values) - count])


def _groups(per: pl.Series) -> list[np.ndarray]:
    codes = (per.rank("dense") - 1).cast(pl.UInt32).to_numpy()
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1) if len(order) else []


def _first(values: np.ndarray, rows: np.ndarray, uids: pl.Series, count: int) -> np.ndarray:
    """The rows of the `count` largest values; of equal ones at the edge those with the smallest uids.

    Only the edge is sorted: the rest is a selection in linear time.
    """
    if count >= len(values):
        return rows
    edge = np.partition(values, len(values) - count)[len(values) - count]
    above, ties = rows[values > edge], rows[values == edge]
    order = uids.gather(ties).arg_sort().to_numpy()
    return np.concatenate([above, ties[order[: count - len(above)]]])
