"""The page of `curate compare`: one offline file without a script, with a plot for each evaluation and one table."""

from collections.abc import Mapping
from typing import Any

from curate.report import records as r
from curate.report.comparison_plot import plots, with_error
from curate.report.environment import environment, own
from curate.report.numbers import change, interval, measured, number
from curate.report.rounds import ends, table
from curate.report.verdicts import BETTER, UNCLEAR, WORSE, side


def render_comparison(found: Mapping[str, Any]) -> str:
    """`found`: what a comparison's JSON file holds."""
    record = dict(found)
    css, css_hash = own("page.css", "comparison.css")
    made = environment()
    made.filters |= {"number": number}
    return made.get_template("comparison.html.j2").render(
        css=css,
        css_hash=css_hash,
        found=record,
        facts=_facts(record),
        verdicts=verdicts(record),
        plots=plots(record),
        rows=_rows(record),
    )


def verdicts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(better | worse | unclear, a sentence) for each recipe against the first, by each evaluation's main metric."""
    told = []
    for row in found["differences"]:
        if not row["main"]:
            continue
        share = r.is_share([dict(found)], row["eval"], row["metric"])
        kind = side(row) if row["low"] is not None or row["high"] is not None else _by_seeds(row)
        what = {BETTER: "is better than", WORSE: "is worse than", UNCLEAR: "is not shown to differ from"}[kind]
        text = f"{row['arm']} {what} {row['against']} by {row['metric']} on {row['eval']}: {with_error(row, share)}"
        text += " points" if share else ""
        if row["low"] is not None:
            text += f", 95% interval {interval(*(change(row[end], share) for end in ('low', 'high')))}"
        text += "" if row["se"] is not None else "; one seed, so nothing is known of the noise of training"
        text += "; this evaluation chooses (use: select)" if row["use"] == r.SELECT else ""
        told.append((kind, f"{text}."))
    return told


def _by_seeds(row: Mapping[str, Any]) -> str:
    """For a metric that items do not sum to: beyond two standard errors of the seeds."""
    if not row["se"] or abs(row["value"]) <= 2 * row["se"]:
        return UNCLEAR
    return BETTER if row["value"] > 0 else WORSE


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    """What was the same for all recipes."""
    seeds = ", ".join(map(str, found["seeds"]))
    seconds = found["seconds"].get("train")
    return {
        "objective": found["objective"],
        "model": found["model"],
        "samples seen by each model": number(found["samples_seen"]),
        "batch": number(found["batch"]),
        "seeds" if len(found["seeds"]) > 1 else "seed": seeds,
        **({"seconds of training, all models": number(seconds)} if seconds is not None else {}),
        **({"seconds of judging": number(found["seconds"]["evaluate"])} if "evaluate" in found["seconds"] else {}),
    }


def _rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per evaluation, metric and recipe, the recipes as they were given."""
    order = list(found["arms"])
    apart = {(row["eval"], row["metric"], row["arm"]): row for row in found["differences"]}
    rows = table([found])
    blocks = {key: place for place, key in enumerate(dict.fromkeys((row["eval"], row["metric"]) for row in rows))}
    rows.sort(key=lambda row: (blocks[row["eval"], row["metric"]], order.index(row["arm"])))
    return [
        {
            **row,
            "first": row["arm"] == order[0],
            "mean": measured(row["mean"], row["share"]),
            "sd": measured(row["sd"], row["share"]),
            "between": ends(row),
            "apart": with_error(apart.get((row["eval"], row["metric"], row["arm"])), row["share"]),
            "seeds": " ".join(measured(value, row["share"]) for value in row["values"].values()),
        }
        for row in rows
    ]
