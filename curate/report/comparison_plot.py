"""Geometry of a comparison's plots: x in percent of the width, y in px, as in `curate.report.charts`.

A row per recipe: its name in full, then a dot per seed, the mean and its 95% interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from curate.report import records as r
from curate.report.charts import Mark
from curate.report.numbers import change, measured, short
from curate.report.round_charts import Axis
from curate.report.rounds import ends, table

ROW = 54  # px for a recipe
COLOURS = 6  # after which they begin anew


@dataclass(frozen=True)
class Recipe:
    name: str
    colour: int
    y: float
    mean: float
    span: tuple[float, float] | None  # x, width of the interval
    seeds: list[tuple[float, str]]  # x, title
    value: str
    apart: str  # from the first recipe, with its standard error; empty for the first
    title: str


@dataclass(frozen=True)
class Plot:
    eval: str
    metric: str
    use: str
    recipes: list[Recipe]
    ticks: list[Mark]
    first: float | None  # x of the first recipe's mean
    height: int
    label: str


def plots(record: dict) -> list[Plot]:
    """One for each evaluation, of its main metric. `record`: a comparison, each recipe being an arm."""
    rows = [row for row in table([record]) if row["main"] and row["mean"] is not None]
    order = list(record["arms"])
    apart = {(row["eval"], row["metric"], row["arm"]): row for row in record["differences"]}
    rows.sort(key=lambda row: order.index(row["arm"]))
    evals = dict.fromkeys(row["eval"] for row in table([record]))
    return [_plot(mine, order, apart) for name in evals if (mine := [row for row in rows if row["eval"] == name])]


def _plot(rows: Sequence[dict], order: list[str], apart: dict[tuple[str, str, str], dict]) -> Plot:
    values = [v for row in rows for v in (row["mean"], row["low"], row["high"], *row["values"].values())]
    axis, share = Axis([value for value in values if value is not None]), rows[0]["share"]
    found = []
    for place, row in enumerate(rows):
        seeds = [(axis.place(v), f"seed {seed}: {measured(v, share)}") for seed, v in row["values"].items()]
        between = f", 95% interval {ends(row)}" if ends(row) else ""
        told = with_error(apart.get((row["eval"], row["metric"], row["arm"])), share)
        title = f"{row['arm']}: {measured(row['mean'], share)}{between}" + (f"; {told} to {order[0]}" if told else "")
        found.append(
            Recipe(
                row["arm"],
                order.index(row["arm"]) % COLOURS,
                ROW * place + 34,
                axis.place(row["mean"]),
                _span(axis, row),
                seeds,
                measured(row["mean"], share),
                told,
                title,
            )
        )
    ticks = [Mark(axis.place(t), f"{round(100 * t, 6):g}%" if share else short(t), "middle") for t in axis.ticks]
    first = next((recipe.mean for recipe in found if recipe.name == order[0]), None)
    label = f"{rows[0]['metric']} on {rows[0]['eval']}. " + ". ".join(recipe.title for recipe in found) + "."
    return Plot(rows[0]["eval"], rows[0]["metric"], rows[0]["use"], found, ticks, first, ROW * len(rows), label)


def with_error(row: dict | None, share: bool) -> str:
    """A difference and its standard error: +3.1 +- 0.8, in points where the metric is a share."""
    if row is None or r.finite(row["value"]) is None:
        return ""
    error = r.finite(row["se"])
    return change(row["value"], share) + ("" if error is None else f" ± {change(error, share).lstrip('+')}")


def _span(axis: Axis, row: dict) -> tuple[float, float] | None:
    if row["low"] is None or row["high"] is None:
        return None
    low, high = sorted((axis.place(row["low"]), axis.place(row["high"])))
    return low, round(high - low, 3)
