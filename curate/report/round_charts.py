"""Geometry of the arms' and the rounds' charts: x in percent of the width, y in px, as in `curate.report.charts`.

Arms differ by shape as well as by colour, and each has the same of both in every chart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from curate.report import records as r
from curate.report.charts import Mark
from curate.report.numbers import measured, short
from curate.report.printable import printable
from curate.report.rounds import ends, table

ROW = 40  # px for an arm
PLOT, ROOM, BARS = 170, 10, 46  # px of the lines' height, above them, and of the kept counts' bars
ASIDE = {r.RAW: -1.2, r.RANDOM: -0.4, r.CURATED: 0.4, r.ORACLE: 1.2}  # percent, so that equal arms show both
LONGEST = 14  # characters of an arm's name beside its row
MOST_LABELS = 8  # rounds that are labelled; of more, every second, third, ...


@dataclass(frozen=True)
class Arm:
    """One arm's row: its seeds, their mean and the 95% interval."""

    name: str
    kind: str  # raw | random | curated | oracle | other: colour and shape
    y: float
    mean: float | None
    span: tuple[float, float] | None  # x, width of the interval
    seeds: list[float]
    value: str
    title: str


@dataclass(frozen=True)
class ArmsChart:
    eval: str
    metric: str
    use: str
    arms: list[Arm]
    ticks: list[Mark]
    height: int
    label: str


@dataclass(frozen=True)
class Line:
    """One arm over the rounds."""

    kind: str
    points: list[tuple[float, float, str]]  # x, y, title
    strokes: list[tuple[float, float, float, float]]  # x1, y1, x2, y2 of neighbouring rounds
    band: str  # an SVG path over 100 by the chart's height


@dataclass(frozen=True)
class Kept:
    """One round's bar: what the round before kept too, and what is new."""

    x: float
    width: float
    segments: list[tuple[str, float, float]]  # "kept" | "new", y, height
    count: str
    round: str
    state: str
    title: str


@dataclass(frozen=True)
class RoundsChart:
    eval: str
    metric: str
    use: str
    lines: list[Line]
    grid: list[Mark]  # at: y in px
    kept: list[Kept]
    label: str


def kind(arm: str) -> str:
    return arm if arm in r.ARMS else "other"


def arms_charts(records: Sequence[dict]) -> list[ArmsChart]:
    """One for each evaluation of the standing round, of its main metric."""
    if not records:
        return []
    rows = [row for row in table([r.standing(records)]) if row["main"] and row["mean"] is not None]
    return [
        _arms_chart([row for row in rows if row["eval"] == name]) for name in dict.fromkeys(x["eval"] for x in rows)
    ]


def _arms_chart(rows: Sequence[dict]) -> ArmsChart:
    axis = Axis([value for row in rows for value in _values(row)])
    first, share = rows[0], rows[0]["share"]
    found = []
    for place, row in enumerate(rows):
        seeds = ", ".join(f"seed {seed} {measured(value, share)}" for seed, value in row["values"].items())
        between = f", 95% interval {ends(row)}" if ends(row) else ""
        found.append(
            Arm(
                shortened(row["arm"]),
                kind(row["arm"]),
                ROW * (place + 0.5),
                axis.place(row["mean"]),
                _span(axis, row),
                [axis.place(value) for value in row["values"].values()],
                measured(row["mean"], share),
                f"{row['arm']}: {measured(row['mean'], share)}{between}" + (f"; {seeds}" if seeds else ""),
            )
        )
    ticks = [Mark(axis.place(tick), _tick(tick, share), "middle") for tick in axis.ticks]
    label = f"{first['metric']} on {first['eval']}. " + ". ".join(arm.title for arm in found) + "."
    return ArmsChart(first["eval"], first["metric"], first["use"], found, ticks, ROW * len(rows), label)


def _span(axis: "Axis", row: dict) -> tuple[float, float] | None:
    if row["low"] is None or row["high"] is None:
        return None
    low, high = sorted((axis.place(row["low"]), axis.place(row["high"])))
    return low, round(high - low, 3)


def rounds_charts(records: Sequence[dict]) -> list[RoundsChart]:
    """One for each evaluation that two rounds or more have, of the four known arms."""
    rows = [row for row in table(records) if row["main"] and row["mean"] is not None and row["arm"] in r.ARMS]
    charts = []
    for name in dict.fromkeys(row["eval"] for row in rows):
        mine = [row for row in rows if row["eval"] == name]
        if len({row["round"] for row in mine}) > 1:
            charts.append(_rounds_chart(records, mine))
    return charts


def _rounds_chart(records: Sequence[dict], rows: Sequence[dict]) -> RoundsChart:
    axis = Axis([value for row in rows for value in _values(row)])
    numbers = [r.number_of(record) for record in records]
    places = {number: _across(place, len(numbers)) for place, number in enumerate(numbers)}
    order = {number: place for place, number in enumerate(numbers)}
    lines = [
        _line([row for row in rows if row["arm"] == arm], axis, places, order)
        for arm in (r.RAW, r.RANDOM, r.ORACLE, r.CURATED)  # the last is drawn on top
        if any(row["arm"] == arm for row in rows)
    ]
    share, first = rows[0]["share"], rows[0]
    grid = [Mark(_height(axis, tick), _tick(tick, share), "end") for tick in axis.ticks]
    told = ". ".join(title for line in lines for _, _, title in line.points)
    label = f"{first['metric']} on {first['eval']} over the rounds. {told}."
    return RoundsChart(first["eval"], first["metric"], first["use"], lines, grid, kept_bars(records), label)


def _line(rows: Sequence[dict], axis: "Axis", places: dict[int, float], order: dict[int, int]) -> Line:
    points = []
    for row in rows:
        between = f", 95% interval {ends(row)}" if ends(row) else ""
        title = f"{row['arm']}, round {row['round']}: {measured(row['mean'], row['share'])}{between}"
        points.append((round(places[row["round"]] + ASIDE[row["arm"]], 3), _height(axis, row["mean"]), title))
    strokes, band = [], ""
    for place, (before, after) in enumerate(pairwise(rows)):
        if order[after["round"]] != order[before["round"]] + 1:
            continue  # a round without this arm: no line across it
        (x1, y1, _), (x2, y2, _) = points[place], points[place + 1]
        strokes.append((x1, y1, x2, y2))
        limits = [row[end] for row in (before, after) for end in ("low", "high")]
        if None not in limits:
            low1, high1, low2, high2 = (_height(axis, limit) for limit in limits)
            band += f"M{x1} {low1}L{x1} {high1}L{x2} {high2}L{x2} {low2}Z"
    return Line(kind(rows[0]["arm"]), points, strokes, band)


def kept_bars(records: Sequence[dict]) -> list[Kept]:
    """The pairs that each round kept, parted into those of the round before and the new ones."""
    most = max([r.count(record.get("kept")) or 0 for record in records] + [1])
    step, width = -(-len(records) // MOST_LABELS), round(min(9.0, 60 / len(records)), 3)
    bars = []
    for place, record in enumerate(records):
        kept, agreement = r.count(record.get("kept")), record.get("agreement") or {}
        new = min(r.count(agreement.get("newly_kept")) or 0, kept or 0)
        segments, base = [], float(BARS)
        for name, count in (("kept", (kept or 0) - new), ("new", new)):
            if count > 0:
                height = round(BARS * count / most, 2)
                base = round(base - height, 2)
                segments.append((name, base, height))
        number, promoted = r.number_of(record), r.was_promoted(record)
        title = f"Round {number}: {'unknown' if kept is None else f'{kept:,}'} kept" + (f", {new:,} new" if new else "")
        shown = place % step == 0
        bars.append(
            Kept(
                _across(place, len(records)),
                width,
                segments,
                (f"{kept:,}" if kept < 1e5 else short(kept)) if kept is not None and shown else "",
                f"round {number}" if shown else "",
                {True: "promoted", False: "no gain", None: ""}[promoted] if shown else "",
                title,
            )
        )
    return bars


def _across(place: int, rounds: int) -> float:
    """A round's place in percent, with room for half a label at either end."""
    return round(8 + 84 * place / max(rounds - 1, 1), 3)


def _height(axis: "Axis", value: float) -> float:
    return round(ROOM + PLOT * (1 - axis.place(value) / 100), 2)


def _values(row: dict) -> list[float]:
    return [v for v in (row["mean"], row["low"], row["high"], *row["values"].values()) if v is not None]


class Axis:
    """Round numbers around some values; from zero, unless that would press them into the far 40%."""

    def __init__(self, values: Sequence[float]) -> None:
        low, high = min(values), max(values)
        if 0 < low <= 0.6 * high:
            low = 0.0
        if high - low < 1e-9:
            low, high = math.floor(low), math.floor(low) + 1.0
        power = 10.0 ** math.floor(math.log10((high - low) / 5))
        step = next(s * power for s in (1, 2, 5, 10, 20) if (high - low) / (s * power) <= 5)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        self.ticks = [round(i * step, 12) for i in range(first, last + 1)]
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def place(self, value: float) -> float:
        """In percent of the way from the first tick to the last."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0), 3)


def _tick(value: float, share: bool) -> str:
    return f"{round(100 * value, 6):g}%" if share else short(value)


def shortened(name: str) -> str:
    name = printable(name)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "\u2026"
