"""Geometry of the charts, in percent of the width, so that one drawing fits every screen and print.

The template writes plain SVG without a viewBox: bars stretch, text does not. No script runs in the page.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from curate.report.numbers import number, short

PLOT = 132  # px of height for the bars
ROOM = 18  # px above them, for the thresholds' labels


@dataclass(frozen=True)
class Segment:
    kind: str  # "kept" | "here" | "other": a CSS class
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    x: float
    width: float
    segments: list[Segment]
    title: str


@dataclass(frozen=True)
class Mark:
    """A tick, or a threshold's line."""

    at: float
    label: str
    anchor: str  # SVG's text-anchor


@dataclass(frozen=True)
class HistogramChart:
    bars: list[Bar]
    ticks: list[Mark]
    lines: list[Mark]
    shades: list[tuple[float, float]]  # x, width of what a threshold cuts off
    grid: list[tuple[float, str]]  # y, label
    label: str  # what the chart shows, for those who do not see it


def histogram_chart(block: dict, thresholds: Sequence[dict]) -> HistogramChart | None:
    """A column's histogram with some of its thresholds, or None when nothing was measured."""
    histogram = block["histogram"]
    if not histogram:
        return None
    edges, log = histogram["edges"], histogram["scale"] == "log"
    totals = [kept + dropped for kept, dropped in zip(histogram["kept"], histogram["dropped"], strict=True)]
    top = max(totals) or 1
    bars = []
    for place, total in enumerate(totals):
        if total:
            left, right = (position(edges, log, edges[place + step]) for step in (0, 1))
            bars.append(_bar(block, place, left, right, top))
    inside = [t for t in thresholds if edges[0] <= t["cut"] <= edges[-1]]
    lines, shades = [], []
    for threshold in inside:
        at = position(edges, log, threshold["cut"])
        low = threshold["bound"] == "min"
        lines.append(Mark(at, f"{_sign(threshold)} {number(threshold['value'])}", "start" if at < 70 else "end"))
        shades.append((0.0, at) if low else (at, round(100 - at, 3)))
    grid = [(ROOM + PLOT * (1 - value / top), f"{value:,}") for value in _grid(top)]
    return HistogramChart(bars, _ticks(block, edges, log), lines, shades, grid, _label(block, inside))


def position(edges: Sequence[float], log: bool, value: float) -> float:
    """Where a value lies, in percent of the width."""
    low, high = edges[0], edges[-1]
    if log:
        low, high, value = math.log(low), math.log(high), math.log(max(value, low))
    return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 3)


def _bar(block: dict, place: int, left: float, right: float, top: int) -> Bar:
    histogram = block["histogram"]
    kept, dropped, here = (histogram[name][place] for name in ("kept", "dropped", "dropped_here"))
    segments, base = [], float(ROOM + PLOT)
    for kind, count in (("kept", kept), ("here", here), ("other", dropped - here)):
        if count:
            height = round(PLOT * count / top, 2)
            base = round(base - height, 2)
            segments.append(Segment(kind, base, height))
    gap = min(0.3, (right - left) * 0.12)
    parts = [f"{kept:,} kept"]
    if here:
        parts.append(f"{here:,} dropped here")
    parts.append(f"{dropped - here:,} dropped by others" if here else f"{dropped:,} dropped")
    return Bar(left, round(right - left - gap, 3), segments, f"{_bin(block, place)}: {', '.join(parts)}")


def _bin(block: dict, place: int) -> str:
    """A bin in words; the end bins also hold what lies beyond them."""
    histogram = block["histogram"]
    low, high = histogram["edges"][place], histogram["edges"][place + 1]
    if place == 0 and histogram["below"]:
        return f"below {high:g}"
    if place == len(histogram["edges"]) - 2 and histogram["above"]:
        return f"{low:g} and more"
    if block["integer"]:
        first, last = math.ceil(low), math.ceil(high) - 1
        return f"{first:,}" if first == last else f"{first:,} to {last:,}"
    return f"{low:g} to {high:g}"


def _sign(threshold: dict) -> str:
    sign = ">" if threshold["bound"] == "min" else "<"
    return sign if threshold["strict"] else {">": "\u2265", "<": "\u2264"}[sign]


def _ticks(block: dict, edges: Sequence[float], log: bool) -> list[Mark]:
    low, high = edges[0], edges[-1]
    if log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        steps = (1, 10) if len(powers) > 4 else (1, 3, 10)
        values = sorted({step * 10.0**power for power in powers for step in steps})
    else:
        step = next(10.0**p * s for p in range(-9, 16) for s in (1, 2, 5) if (high - low) / (10.0**p * s) <= 6)
        step = max(step, 1.0) if block["integer"] else step
        values = [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    inside = [value for value in values if low <= value <= high]
    return [_tick(position(edges, log, value), short(value)) for value in inside]


def _tick(at: float, label: str) -> Mark:
    return Mark(at, label, "start" if at < 2 else "end" if at > 98 else "middle")


def _grid(top: int) -> list[int]:
    """One to three round counts below the highest bar."""
    step = next(10**p * s for p in range(12) for s in (1, 2, 5) if top / (10**p * s) <= 3)
    return [step * i for i in range(1, int(top / step) + 1)]


def _label(block: dict, thresholds: Sequence[dict]) -> str:
    histogram, quantiles = block["histogram"], block["quantiles"]
    text = (
        f"Histogram of {block['column']}: {block['count']:,} samples, {sum(histogram['kept']):,} kept and "
        f"{sum(histogram['dropped']):,} dropped; from {number(quantiles['min'])} to {number(quantiles['max'])}, "
        f"median {number(quantiles['median'])}."
    )
    for threshold in thresholds:
        text += f" {threshold['stage']} keeps {_sign(threshold)} {number(threshold['value'])}."
    return text
