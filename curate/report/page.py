"""The report: one HTML file that opens with the network off, without a script, in light and dark, and prints.

Every word that comes from data is escaped by Jinja and spelled out by `printable`; the page's policy lets
nothing load and nothing run; its pictures are data URIs that were encoded anew.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from jinja2 import Environment

from curate import schema as c
from curate.report.charts import HistogramChart, histogram_chart
from curate.report.columns import ASPECT_RATIO, MEASURABLE, SHORT_SIDE, prepared
from curate.report.counts import adds_up
from curate.report.environment import environment, own
from curate.report.evidence import REPRODUCE, Evidence, Threshold
from curate.report.galleries import BUDGET, COLUMNS, Galleries, Gallery, within
from curate.report.metrics import metric_rows
from curate.report.numbers import measured, number, percent, short
from curate.report.round_charts import arms_charts, kind, rounds_charts
from curate.report.round_guards import guard_rows, moved
from curate.report.rounds import changes, circumstances, ends, history, table
from curate.report.statistics import statistics
from curate.report.thumbnails import Thumbnail, thumbnail
from curate.report.verdicts import verdicts
from curate.report.wording import CLASS_WORDS, OUTCOME_HINT, column_words

STRIPS, STRIP_MEMBERS = 8, 6  # groups of duplicates with pictures, and pictures of each
NO_FILTER = ("input", "download")  # stages of the funnel that have their own section


@dataclass
class Panel:
    """One signal of a stage: its histogram, and per threshold three galleries."""

    column: str
    chart: HistogramChart | None
    notes: list[tuple[str, str]]
    galleries: list[list[Gallery]]


@dataclass
class Stage:
    anchor: str
    row: dict
    rules: list[dict]
    panels: list[Panel]
    galleries: list[Gallery]


def render_page(evidence: Evidence, stats: dict | None = None, *, galleries: int = 24) -> str:
    """The whole report as HTML. `galleries` is the most pictures of one gallery."""
    stats = statistics(evidence) if stats is None else stats
    frame = prepared(evidence.samples)
    choose = Galleries(frame, stats["rules"], galleries)
    strips = _strips(frame, stats["duplicates"]["largest"])
    stages = [_stage(i, row, stats, evidence, choose) for i, row in enumerate(_filters(stats), start=1)]
    kept = choose.kept()
    used = sum(len(strip["members"]) for strip in strips) + len(kept.samples)
    _cut(stages, BUDGET - used)
    css, css_hash = own("page.css")
    return (
        _environment(evidence)
        .get_template("page.html.j2")
        .render(
            css=css,
            css_hash=css_hash,
            evidence=evidence,
            reproduce=evidence.facts.get(REPRODUCE),
            stats=stats,
            adds_up=adds_up(stats["funnel"]),
            anchors={stage.row["stage"]: stage.anchor for stage in stages},
            stages=stages,
            strips=strips,
            kept=kept,
            sizes=_charts(stats, "sizes", (c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, SHORT_SIDE, ASPECT_RATIO)),
            signals=_charts(stats, "signals", stats["signals"]),
            rounds=_rounds(evidence.records),
            # What the rounds' records hold is not shown twice.
            metrics=[] if any(record.get("results") for record in evidence.records) else metric_rows(evidence.metrics),
            recipe=evidence.recipe_text.rstrip("\n").split("\n"),
            loading=_loading(evidence, kept),
        )
    )


def _environment(evidence: Evidence) -> Environment:
    def picture(image_uid: str | None) -> Thumbnail | None:
        return thumbnail(evidence.read_image(image_uid)) if image_uid else None

    made = environment()
    made.filters |= {"number": number, "percent": percent, "short": short, "measured": measured, "ends": ends}
    made.globals |= {
        "picture": picture,
        "hint": OUTCOME_HINT.get,
        "class_words": CLASS_WORDS.get,
        "column_words": column_words,
    }
    return made


def _rounds(records: Sequence[dict]) -> dict | None:
    """What the section on rounds and arms shows, or None for a run without a record."""
    if not records:
        return None
    rows = table(records)
    return {
        "verdicts": verdicts(records),
        "circumstances": circumstances(records),
        "arms": arms_charts(records),
        "over": rounds_charts(records),
        "kinds": list(dict.fromkeys(kind(row["arm"]) for row in rows)),
        "rows": rows,
        "changes": changes(records),
        "history": history(records),
        "guards": guard_rows(records),
        "moved": moved(records),
    }


def _filters(stats: dict) -> list[dict]:
    """The filter stages, in the funnel's order; one that appears twice is shown once."""
    return list({row["stage"]: row for row in stats["stages"] if row["stage"] not in NO_FILTER}.values())


def _stage(place: int, row: dict, stats: dict, evidence: Evidence, choose: Galleries) -> Stage:
    rules = [rule for rule in stats["rules"] if rule["stage"] == row["stage"]]
    mine = [t for t in evidence.thresholds if t.stage == row["stage"]]
    panels = [
        _panel(column, [t for t in mine if t.column == column], stats, choose)
        for column in dict.fromkeys(t.column for t in mine)
    ]
    cut_by = {f"{t.stage}.{t.rule}" for t in mine}
    others = [rule["rule"] for rule in rules if rule["rule"] not in cut_by]
    galleries = choose.stage(row["stage"], others) if others else []
    if row["added"]:
        galleries.append(choose.written())
    return Stage(f"stage-{place}", row, rules, panels, galleries)


def _panel(column: str, thresholds: Sequence[Threshold], stats: dict, choose: Galleries) -> Panel:
    block = stats["sizes"].get(column) or stats["signals"].get(column)
    if block is None:
        return Panel(column, None, [], [choose.threshold(t) for t in thresholds])
    mine = {(t.stage, t.rule, t.bound, t.value) for t in thresholds}
    cuts = [t for t in block["thresholds"] if (t["stage"], t["rule"], t["bound"], t["value"]) in mine]
    notes = [_note(block, cut) for cut in cuts]
    return Panel(column, histogram_chart(block, cuts), notes, [choose.threshold(t) for t in thresholds])


def _note(block: dict, cut: dict) -> tuple[str, str]:
    """How many samples sit at a threshold: a number, and what it counts."""
    value, (low, high) = number(cut["value"]), cut["near_range"]
    if not block["quantiles"]["min"] <= cut["value"] <= block["quantiles"]["max"]:
        return "0", f"samples near {value}: all lie on one side of it"
    if block["integer"] and math.ceil(low) == math.floor(high):
        return number(cut["near"]), f"samples lie at {value}"
    return number(cut["near"]), f"samples lie near {value}, within 1% of the range ({number(low)} to {number(high)})"


def _cut(stages: Sequence[Stage], budget: int) -> None:
    """All galleries of all stages within the page's budget of pictures."""
    rows = [row for stage in stages for row in [*(r for p in stage.panels for r in p.galleries), stage.galleries]]
    cut = iter(within([gallery for row in rows for gallery in row], budget))
    for row in rows:
        row[:] = [next(cut) for _ in row]


def _strips(frame: pl.LazyFrame, groups: Sequence[dict]) -> list[dict]:
    """The largest groups, each member with what its picture needs."""
    shown = [{**group, "members": group["members"][:STRIP_MEMBERS]} for group in groups[:STRIPS]]
    uids = [member["uid"] for group in shown for member in group["members"]]
    rows = frame.filter(pl.col(c.UID).is_in(uids)).filter(MEASURABLE).select(COLUMNS).collect() if uids else None
    known = {row[c.UID]: row for row in rows.to_dicts()} if rows is not None else {}
    for group in shown:
        group["members"] = [{**known.get(member["uid"], {}), **member} for member in group["members"]]
    return shown


def _charts(stats: dict, part: str, columns: Sequence[str]) -> list[tuple[dict, HistogramChart | None]]:
    blocks = [stats[part][name] for name in columns if stats[part][name]["histogram"]]
    return [(block, histogram_chart(block, block["thresholds"])) for block in blocks]


def _loading(evidence: Evidence, kept: Gallery) -> list[tuple[str, list[str]]]:
    """Three ways in: training, tables, and the life of one pair."""
    run = evidence.run_path
    tars, tables = json.dumps(f"{run}/dataset/*.tar"), json.dumps(f"{run}/dataset/*.parquet")
    uid = kept.samples[0][c.UID] if kept.samples else "UID"
    return [
        (
            "Train on the pairs",
            [
                "import glob",
                "import webdataset as wds",
                "",
                f"shards = sorted(glob.glob({tars}))",
                'pairs = wds.WebDataset(shards).decode("pil").to_tuple("jpg", "txt")',
            ],
        ),
        (
            "Look at the table",
            [
                "import polars as pl",
                "",
                f"rows = pl.read_parquet({tables})",
                'rows.select("uid", "caption", "width", "height").head()',
            ],
        ),
        ("Ask why one pair was kept or dropped", [f"curate explain {evidence.run} {uid}"]),
    ]
