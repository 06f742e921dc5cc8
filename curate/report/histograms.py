"""Numeric columns: quantiles, a histogram split by verdict, and how many samples sit at a threshold.

A histogram's range is the data's, unless a few outliers would squeeze the rest: then its end bins hold them.
Its bins are whole numbers for whole numbers, steps of 1, 2, 2.5 or 5 otherwise, and even in the logarithm
when the data spans orders of magnitude. Bins hold edge <= value < next edge; kept + dropped of all bins =
count. Infinities are in the end bins and in no quantile.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from curate import schema as c
from curate.report.columns import MEASURABLE, RULE
from curate.report.evidence import Threshold

QUANTILES = {"min": 0.0, "p1": 0.01, "p5": 0.05, "p25": 0.25, "median": 0.5, "p75": 0.75, "p95": 0.95}
QUANTILES |= {"p99": 0.99, "max": 1.0}
LOW, HIGH = 0.005, 0.995  # the range that is drawn when the data has outliers
BINS = 40
SPREAD = 30  # highest to median, from which on the logarithm is drawn
UNIT_BINS = 60  # so many whole numbers get a bin each
NEAR = 0.01  # of the range, on either side of a threshold


@dataclass(frozen=True)
class _Scale:
    edges: list[float]
    log: bool

    def around(self, value: float) -> tuple[float, float]:
        """The interval that counts as near a value: NEAR of the range as drawn, on either side."""
        if not self.log or value <= 0:
            reach = NEAR * (self.edges[-1] - self.edges[0])
            return value - reach, value + reach
        factor = (self.edges[-1] / self.edges[0]) ** NEAR
        return value / factor, value * factor


def numeric_columns(frame: pl.LazyFrame, columns: Iterable[str], thresholds: Sequence[Threshold]) -> dict[str, dict]:
    """A block per column. Two scans, whatever the number of columns or rows."""
    schema = frame.collect_schema()
    names = [name for name in columns if name in schema]
    if not names:
        return {}
    integer = {name: schema[name].is_integer() for name in names}
    values = frame.filter(MEASURABLE).with_columns(pl.col(name).cast(pl.Float64).fill_nan(None) for name in names)
    blocks = _summaries(values, integer)
    queries, drawn = [], []
    for name, block in blocks.items():
        mine = [t for t in thresholds if t.column == name]
        ends = block.pop("_ends")
        if block["quantiles"]:
            scale = _scale(ends, block["quantiles"]["median"], integer[name], mine)
            queries += [_binned(values, name, scale, mine), _near(values, name, scale, mine)]
            drawn.append((block, scale, mine))
    answers = pl.collect_all(queries) if queries else []
    for (block, scale, mine), binned, near in zip(drawn, answers[::2], answers[1::2], strict=True):
        block["histogram"] = _histogram(scale, binned)
        block["thresholds"] = _thresholds(scale, mine, near, block["integer"])
    return blocks


def _summaries(values: pl.LazyFrame, integer: dict[str, bool]) -> dict[str, dict]:
    names = list(integer)
    wanted = {**QUANTILES, "_low": LOW, "_high": HIGH}
    row = values.select(
        pl.len().alias("rows"),
        *(pl.col(name).count().alias(f"{name}\0count") for name in names),
        *(
            pl.col(name).filter(pl.col(name).is_finite()).quantile(q, "nearest").alias(f"{name}\0{label}")
            for name in names
            for label, q in wanted.items()
        ),
    ).collect()
    found = row.row(0, named=True)
    blocks: dict[str, dict] = {}
    for name in names:
        count = int(found[f"{name}\0count"])
        measured = found[f"{name}\0min"] is not None
        quantiles = {label: tidy(found[f"{name}\0{label}"]) for label in QUANTILES} if measured else {}
        blocks[name] = {
            "column": name,
            "count": count,
            "nulls": int(found["rows"]) - count,
            "quantiles": quantiles,
            "histogram": None,
            "thresholds": [],
            "integer": integer[name],
            "_ends": tuple(found[f"{name}\0{label}"] for label in ("_low", "_high", "min", "max")),
        }
    return blocks


def tidy(value: float) -> float:
    """Six significant digits, and no -0."""
    return float(f"{value:.6g}") + 0.0


def _scale(
    ends: tuple[float, float, float, float], median: float, integer: bool, thresholds: Sequence[Threshold]
) -> _Scale:
    low, high, lowest, highest = ends
    if highest - lowest <= 2 * (high - low):
        low, high = lowest, highest
    cuts = [cut(t, integer) for t in thresholds if lowest <= t.value <= highest]
    for value in cuts:  # and a little more, so that what lies beyond the threshold has a bin there
        beyond = 0.1 * max(abs(value - low), abs(high - value))
        low, high = min(low, max(lowest, value - beyond)), max(high, min(highest, value + beyond))
    positive = low >= 0 if integer else low > 0
    if positive and high > SPREAD * max(median, 1.0 if integer else 0.0):
        return _Scale(_with_cuts(_log_edges(low, high, integer), cuts), True)
    return _Scale(_integer_edges(low, high) if integer else _float_edges(low, high), False)


def cut(threshold: Threshold, integer: bool) -> float:
    """Where kept and dropped part: between two whole numbers, when the values are whole numbers."""
    if not integer:
        return threshold.value
    return threshold.value + (0.5 if (threshold.bound == "max") != threshold.strict else -0.5)


def _with_cuts(edges: list[float], cuts: Sequence[float]) -> list[float]:
    """The edge nearest to each cut, in the logarithm, is moved onto it."""
    inner = np.array(edges[1:-1])
    for value in cuts:
        if len(inner) and edges[0] < value < edges[-1]:
            inner[np.abs(np.log(inner / value)).argmin()] = value
    return [edges[0], *sorted(set(inner.tolist())), edges[-1]]


def _integer_edges(low: float, high: float) -> list[float]:
    first, last = math.floor(low), math.ceil(high)
    step = 1 if last - first < UNIT_BINS else max(1, int(_nice((last - first) / BINS)))
    first = first if step == 1 else first // step * step
    return [first - 0.5 + step * i for i in range((last - first) // step + 2)]


def _float_edges(low: float, high: float) -> list[float]:
    if low == high:
        reach = abs(low) * 0.05 or 0.5
        return [low - reach, low + reach]
    step = _nice((high - low) / BINS)
    first, last = math.floor(low / step + 1e-9), math.floor(high / step + 1e-9) + 1
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def _log_edges(low: float, high: float, integer: bool) -> list[float]:
    if integer:
        marks = np.unique(np.round(np.geomspace(max(low, 1.0), math.ceil(high) + 1.0, BINS)))
        return (marks - 0.5).tolist()
    return [float(f"{edge:.6g}") for edge in np.geomspace(max(low, high / 1e4), high * 1.0001, BINS + 1)]


def _nice(width: float) -> float:
    """The smallest of 1, 2, 2.5, 5, 10, ... at any power of ten that is not below the width."""
    power = 10.0 ** math.floor(math.log10(width))
    return next(power * step for step in (1.0, 2.0, 2.5, 5.0, 10.0) if power * step >= width * (1 - 1e-9))


def _binned(values: pl.LazyFrame, name: str, scale: _Scale, thresholds: Sequence[Threshold]) -> pl.LazyFrame:
    inner = pl.Series(scale.edges[1:-1], dtype=pl.Float64)
    value, rules = pl.col(name), [f"{t.stage}.{t.rule}" for t in thresholds]
    here = ~pl.col(c.KEEP) & pl.col(RULE).is_in(rules).fill_null(False)
    return (
        values.filter(value.is_not_null())
        .select(
            pl.lit(inner).search_sorted(value, side="right").alias("bin"),
            (value < scale.edges[0]).alias("below"),
            (value >= scale.edges[-1]).alias("above"),
            pl.col(c.KEEP),
            here.alias("here"),
        )
        .group_by("bin")
        .agg(
            pl.col(c.KEEP).sum().alias("kept"),
            (~pl.col(c.KEEP)).sum().alias("dropped"),
            pl.col("here").sum().alias("dropped_here"),
            pl.col("below", "above").sum(),
        )
        .sort("bin")
    )


def _histogram(scale: _Scale, binned: pl.DataFrame) -> dict:
    counts: dict[str, list[int]] = {}
    for name in ("kept", "dropped", "dropped_here"):
        full = np.zeros(len(scale.edges) - 1, np.int64)
        full[binned["bin"].to_numpy()] = binned[name].to_numpy()
        counts[name] = full.tolist()
    outside = {name: int(binned[name].sum()) for name in ("below", "above")}
    return {"scale": "log" if scale.log else "linear", "edges": scale.edges, **counts, **outside}


def _near(values: pl.LazyFrame, name: str, scale: _Scale, thresholds: Sequence[Threshold]) -> pl.LazyFrame:
    return values.select(
        pl.lit(0).alias("none"),
        *(
            pl.col(name).is_between(*scale.around(t.value)).sum().alias(str(place))
            for place, t in enumerate(thresholds)
        ),
    ).head(1)


def _thresholds(scale: _Scale, thresholds: Sequence[Threshold], near: pl.DataFrame, integer: bool) -> list[dict]:
    return [
        {
            "stage": t.stage,
            "rule": t.rule,
            "bound": t.bound,
            "value": t.value,
            "strict": t.strict,
            "near": int(near[str(place)][0]) if len(near) else 0,
            "cut": cut(t, integer),
            "near_range": [tidy(end) for end in scale.around(t.value)],
        }
        for place, t in enumerate(thresholds)
    ]
