"""Evidence for the tests: a hand-counted one of ten rows, and a run of 160 with drawn pictures."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from PIL import Image, ImageDraw

from curate import schema as c
from curate.report.evidence import Evidence, Threshold
from curate.report.page import render_page

FACTS = {"seed": "7", "recipe": "9f3c", "run path": "runs/ten", "reproduce": "curate run recipe.yaml"}
PAIRS = {"uid_a": pl.String, "uid_b": pl.String, "distance": pl.UInt8}


def row(number: int, outcome: str, caption: str, reason: str | None, **others: object) -> dict:
    failed = others.pop("failed", [reason] if reason and not reason.startswith("download") else [])
    uid = f"{number:032x}"
    found = {
        c.UID: uid,
        c.IMAGE_UID: uid,
        c.ORIGIN: c.WEB,
        c.KEEP: reason is None,
        c.REASON: reason,
        c.FAILED: failed,
        c.COPIES: int(reason is None),
        c.URL: f"https://user:pass@Host{number % 3}.example:8080/{number}.jpg",
        c.CAPTION: caption,
        c.LABEL: None,
        c.OUTCOME: outcome,
        c.ERROR_MESSAGE: None,
        c.WIDTH: None,
        c.HEIGHT: None,
        c.ORIGINAL_WIDTH: None,
        c.ORIGINAL_HEIGHT: None,
        c.SHA256: None,
        c.FORMAT: None,
        c.CONSENT: None,
        c.clip_score("b32"): None,
    }
    if outcome == "ok":
        found |= {c.WIDTH: 100, c.HEIGHT: 50, c.ORIGINAL_WIDTH: 400, c.ORIGINAL_HEIGHT: 200}
        found |= {c.SHA256: f"s{number}", c.FORMAT: "jpeg"}
    return found | others


SCORE = c.clip_score("b32")
TEN = [
    row(0, "ok", "red car", None, **{SCORE: 0.5}),
    row(1, "ok", "red car", None, **{SCORE: 0.3, c.SHA256: "s0"}),
    row(2, "ok", "blue car", None, **{SCORE: 0.4}),
    row(3, "ok", "blue sky today", "clip.min", **{SCORE: 0.1}),
    row(4, "ok", "blue sky today", "clip.min:null"),
    row(5, "ok", "x", "text.words", failed=["text.words", "clip.min"], **{SCORE: 0.2, c.FORMAT: "png"}),
    row(6, "404", "red car gone", "download.404"),
    row(7, "404", "red car gone", "download.404"),
    row(8, "timeout", "slow", "download.timeout"),
    row(9, "404", "red car", "input.repeated"),
]


def funnel(*steps: tuple[str, str, int, int], start: int) -> list[dict]:
    rows, now = [], start
    for stage, rule, added, dropped in steps:
        kept = now + added - dropped
        rows.append(c.FunnelRow(stage, rule, now, added, dropped, kept, kept).as_dict())
        now = kept
    return rows


@pytest.fixture(scope="session")
def ten() -> Evidence:
    steps = [("input", "repeated", 0, 1), ("download", "404", 0, 2), ("download", "timeout", 0, 1)]
    steps += [("text", "words", 0, 1), ("clip", "min", 0, 2)]
    return Evidence(
        name="ten",
        samples=pl.DataFrame(TEN, infer_schema_length=None).lazy(),
        funnel=funnel(*steps, start=10),
        thresholds=[
            Threshold(c.WORDS, "min", 2, "text", "words", False),
            Threshold(SCORE, "min", 0.25, "clip", "min", False),
        ],
        duplicates=pl.DataFrame({"uid_a": [f"{0:032x}"], "uid_b": [f"{1:032x}"], "distance": [0]}, PAIRS),
        read_image=lambda uid: None,
        recipe_text="version: 1\nname: ten\n",
        facts=FACTS,
    )


@pytest.fixture(scope="session")
def empty(ten: Evidence) -> Evidence:
    return replace(ten, samples=ten.samples.clear(), funnel=[], duplicates=ten.duplicates.clear())


def picture(number: int) -> bytes:
    image = Image.new("RGB", (160, 90 + number % 80), (number * 37 % 256, number * 91 % 256, 120))
    drawing = ImageDraw.Draw(image)
    drawing.ellipse([number % 60, 10, number % 60 + 70, 80], fill=(255 - number % 200, 200, number % 256))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


@pytest.fixture(scope="session")
def run() -> Evidence:
    """160 rows: every fifth is a dead link, every third of the rest is dropped by its score."""
    words = ["red", "car", "on", "the", "green", "hill", "with", "a", "small", "dog"]
    rows, pictures = [], {}
    for number in range(160):
        caption = " ".join(words[number % 7 : number % 7 + 3]) + f" {number % 50}"
        score = (number * 7 % 100) / 200
        if number % 5 == 0:
            rows.append(row(number, "dns", caption, "download.dns"))
            continue
        reason = "clip.min" if score < 0.2 else "phash.max_distance" if number % 11 == 0 else None
        pictures[f"{number:032x}"] = picture(number)
        digest = hashlib.sha256(picture(number)).hexdigest()
        rows.append(row(number, "ok", caption, reason, **{SCORE: score, c.SHA256: digest}))
    counted = {reason: sum(r[c.REASON] == reason for r in rows) for reason in ("clip.min", "phash.max_distance")}
    steps = [("input", "repeated", 0, 0), ("download", "dns", 0, 32), ("clip", "min", 0, counted["clip.min"])]
    steps.append(("phash", "max_distance", 0, counted["phash.max_distance"]))
    ok = sorted(pictures)
    return Evidence(
        name="drawn",
        samples=pl.DataFrame(rows, infer_schema_length=None).lazy(),
        funnel=funnel(*steps, start=160),
        thresholds=[Threshold(SCORE, "min", 0.2, "clip", "min", False)],
        duplicates=pl.DataFrame({"uid_a": ok[:3], "uid_b": ok[1:4], "distance": [1, 2, 3]}, PAIRS),
        read_image=pictures.get,
        recipe_text="version: 1\nname: drawn\n",
        facts=FACTS,
        metrics=pl.DataFrame(
            {"arm": ["curated"] * 2 + ["raw"] * 2, "eval": "objects", "metric": "acc", "seed": [0, 1, 0, 1]}
        ).with_columns(value=pl.Series([0.5, 0.6, 0.3, 0.4]), n=pl.lit(100)),
    )


@pytest.fixture(scope="session")
def page(run: Evidence) -> str:
    """The run's report, rendered once."""
    return render_page(run)


def result(arm: str, name: str, use: str, metric: str, values: list[float]) -> dict:
    mean = sum(values) / len(values)
    sd = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    found = {"arm": arm, "eval": name, "use": use, "metric": metric, "mean": mean, "sd": sd, "n": 800}
    return {**found, "values": dict(zip("012", values, strict=True)), "low": mean - 0.02, "high": mean + 0.02}


def round_record(number: int, curated: float, *, promoted: bool = True) -> dict:
    """A round whose curated arm has this top-1 accuracy; raw has 5.5%, random 5%, the oracle 80%."""
    means = {"oracle": 0.8, "curated": curated, "random": 0.05, "raw": 0.055}
    evals = [
        ("objects", "report", "top5", 1.1),
        ("objects", "report", "top1", 1.0),
        ("pairs", "select", "mean_r1", 0.5),
    ]
    return {
        "version": 1,
        "round": number,
        "name": "flowers",
        "seed": 7,
        "kept": 1140,
        "images": 1100,
        "asked": 4500,
        "scorers": {"clip": {"models": 2, "folds": 2, "samples_seen": 38400, "pairs": 2300, "trusted": 1125}},
        "captioning": {
            "pretrained": {"objective": "blip", "pairs": 2300, "trusted": 1125, "samples_seen": 28000},
            "writer": {"as": "captioner", "trusted": 1125, "samples_seen": 5000},
        },
        "agreement": {"both": 900, "newly_kept": 240, "newly_dropped": 100} if number else None,
        "changes": {
            "entered": {"samples": 240, "origins": {"web": 40, "synthetic": 200}, "reasons": {"new": 240}},
            "left": {"samples": 100, "origins": {"web": 100}, "reasons": {"clip.min": 60, "phash.max_distance": 40}},
        }
        if number
        else None,
        "guards": [
            {"guard": "max_synthetic", "value": 0.25, "bound": 0.9, "holds": True},
            {"guard": "max_top_text", "value": 0.95, "bound": 0.9, "holds": promoted},
        ],
        "arms": {
            "oracle": {"samples": 1300, "images": 1290},
            "curated": {"samples": 1140, "images": 1100},
            "random": {"samples": 1140, "images": 1137},
            "raw": {"samples": 3752, "images": 3700},
        },
        "samples_seen": 38400,
        "seeds": [0, 1, 2],
        "model": "tiny",
        "seconds": 230.1,
        "results": [
            result(arm, name, use, metric, [scale * mean + step for step in (-0.01, 0.0, 0.01)])
            for name, use, metric, scale in evals
            for arm, mean in means.items()
        ],
        "differences": [
            {"eval": "objects", "use": "report", "metric": "top1", "arm": "curated", "against": against}
            | {"value": curated - means[against], "low": curated - means[against] - 0.05, "high": curated - 0.01}
            for against in ("raw", "random")
        ],
        "gap_closed": [{"eval": "objects", "metric": "top1", "value": 0.933, "low": 0.86, "high": 1.02}],
        "decision": {
            "promoted": promoted,
            "why": "it is higher" if promoted else "it is not higher",
            "evals": ["pairs"],
        }
        | {"before": 0.31 if number else None, "now": 0.35},
    }


@pytest.fixture
def records() -> list[dict]:
    """Three rounds, the last of them no better."""
    return [round_record(0, 0.6), round_record(1, 0.75), round_record(2, 0.7, promoted=False)]


def poisoned(value: object, payload: str) -> object:
    """Every text of a record replaced, names of arms and scorers too."""
    if isinstance(value, dict):
        free = {"raw", "random", "curated", "oracle", "clip", "0", "1", "2"}
        return {key + payload if key in free else key: poisoned(item, payload) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, payload) for item in value]
    return value + payload if isinstance(value, str) and value not in ("report", "select") else value


@pytest.fixture(scope="session")
def with_everywhere() -> Callable[[Evidence, str], Evidence]:
    """The same evidence with a payload in every field that reaches a report."""

    def inject(evidence: Evidence, payload: str) -> Evidence:
        text = pl.lit(payload)
        renamed = {"stage": f"clip{payload}", "rule": f"min{payload}"}
        rule = f"clip{payload}.min{payload}"
        samples = evidence.samples.with_columns(
            *(text.alias(name) for name in (c.CAPTION, c.ERROR_MESSAGE, c.LABEL, c.FORMAT, c.CONSENT)),
            (pl.lit("https://") + text + pl.lit("/x.jpg")).alias(c.URL),
            pl.lit(payload).alias("language"),
            pl.when(pl.col(c.REASON).str.starts_with("clip.")).then(pl.lit(rule)).otherwise(c.REASON).alias(c.REASON),
            pl.when(pl.col(c.OUTCOME) == "dns").then(text).otherwise(c.OUTCOME).alias(c.OUTCOME),
            pl.col(SCORE).alias(f"score{payload}"),
        )
        return replace(
            evidence,
            name=payload,
            samples=samples,
            funnel=[{**step, **(renamed if step["stage"] == "clip" else {})} for step in evidence.funnel],
            thresholds=[
                replace(t, stage=renamed["stage"], rule=renamed["rule"], column=f"score{payload}")
                for t in evidence.thresholds
            ],
            recipe_text=f"name: {payload}\n{payload}",
            facts={payload: payload, "run path": f"runs/{payload}", "reproduce": f"curate run {payload}"},
            metrics=evidence.metrics.with_columns(text.alias("arm"), text.alias("eval"), text.alias("metric"))
            if evidence.metrics is not None
            else None,
            records=[poisoned(record, payload) for record in evidence.records],
        )

    return inject
