"""The demo: a planted web on loopback is curated by an ordinary recipe, and the answer is held against the truth."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate import schema as c
from curate.filters.phash_dedup import PHashDedup, hash_groups
from curate.planted import PlantedServer, PlantedWeb, plant
from curate.planted.truth import pair_scores, precision_recall
from curate.signal_store import Columns
from pipelines.decide import read as read_columns
from pipelines.decide import tables
from pipelines.recipe import Recipe
from pipelines.workspace import POOL, SUBSET, Workspace

RECIPE = """\
# The recipe of `curate demo`. The web that it curates lives only while the demo runs.
version: 1
name: planted
seed: {seed}
run_dir: run

input: {{urls: web/urls.parquet, url_column: url, caption_column: caption}}

models:
  clip: {{kind: trained}}        # on what the filters before it keep, and on trusted pairs; cross-fitted
{models}
download:
  timeout: 2
  retries: 1
  concurrency: 128
  per_host: 16
  resolve: {{"*.planted.example": "{address}"}}      # all hosts of the planted web are this server
  allow_private_hosts: ["{address}"]

filters:
  - align_image: {{min_short_side: 200, max_aspect_ratio: 3, max_captions_per_image: 1000}}
{filters}
dataset: {{samples_per_shard: 500}}

train: {{objective: clip, model: tiny, samples_seen: 28_800, batch: 64, seeds: {seeds}}}
eval:
  - {{name: objects, kind: zero_shot, data: web/eval/objects.parquet, classes: web/eval/classes.yaml, use: report}}
  - {{name: pairs, kind: retrieval, data: web/eval/pairs.parquet, use: select}}
loop:
  rounds: {rounds}
  trusted: web/trusted.parquet
  scorer: {{folds: 2, samples_seen: 25_600}}
  oracle: {{table: web/truth.parquet, column: right}}     # only a planted web knows
{loop}engine: {{kind: {engine}}}
"""
ONCE = {
    "models": "",
    "filters": """\
  - align_text: {words: [3, 20], max_images_per_caption: 10}
  - phash_dedup: {max_distance: 4, keep: largest}
  - clip_score: {model: clip, top: 0.44, of: survivors}
""",
    "seeds": "[0, 1, 2]",
    "rounds": 1,
    "loop": "",
}
# CapFilt: images whose text was bad are described anew. The dedup stands before the rules about texts, because a
# comparison of survivors is not asked of what was dropped before.
CAPFILT = {
    "models": """\
  captioner: {kind: trained, as: captioner, prompt: "", min_length: 5, max_length: 20}
  matcher: {kind: trained, as: matcher}
""",
    "filters": """\
  - phash_dedup: {max_distance: 4, keep: largest}
  - align_text: {words: [3, 20], max_images_per_caption: 10}
  - clip_score: {model: clip, top: 0.44, of: survivors}
  - capfilt: {captioner: captioner, matcher: matcher, top: 0.5, of: survivors}
  - clip_score: {name: agreed, model: clip, top: 0.5, of: survivors}     # what matcher and CLIP both like
""",
    "seeds": "[0, 1, 2, 3, 4]",
    "rounds": 2,
    "loop": """\
  captioning:
    pretrain: {model: tiny, samples_seen: 28_800, batch: 64}     # on what the filters before keep, and trusted pairs
    captioner: {samples_seen: 9_600}                             # two copies, on the trusted pairs alone
    matcher: {samples_seen: 9_600}
  ablations:                                                     # BLIP, Table 1
    none: {clip_score: null, capfilt: null, agreed: null}
    F: {capfilt: {captioner: null, top: 0.95}, agreed: null}     # as many pairs, for there are no captions to drop
    C: {clip_score: null, capfilt: {matcher: null, top: null}, agreed: null}
""",
}


@dataclass(frozen=True)
class Judgement:
    """How well one part of the run found what was planted. `unit` says what is counted."""

    part: str
    unit: str
    precision: float
    recall: float
    found: int
    planted: int


@contextmanager
def planted_site(
    folder: Path, seed: int, pairs: int, engine: str, loop: bool = False
) -> Iterator[tuple[PlantedWeb, Path]]:
    """The planted web, served, and the recipe that curates it: once, or in rounds with CapFilt."""
    web = plant(folder / "web", seed=seed, pairs=pairs)
    with PlantedServer(folder / "web") as server:
        recipe = folder / "recipe.yaml"
        parts = CAPFILT if loop else ONCE
        recipe.write_text(RECIPE.format(seed=seed, address=server.address, engine=engine, **parts))
        yield web, recipe


def judge(recipe: Recipe, workspace: Workspace, web: PlantedWeb) -> list[Judgement]:
    """Precision and recall of each part against the planted truth."""
    truth = planted_rows(workspace, web)
    subset = _of_web(workspace)
    frame = read_columns(recipe, workspace, [c.OUTCOME, c.PHASH])[: len(subset)]
    if subset[c.UID].to_list() != truth[c.UID].to_list():
        raise AssertionError("the pool's rows are not the planted rows")
    came, should = frame[c.OUTCOME] == c.Outcome.OK, truth["answer"] == c.Outcome.OK
    found = [_judgement("download", "URLs that fail", ~came, ~should)]
    measured = came & (subset[c.REASON] != "input.repeated").fill_null(True)
    for stage, column in (("align_image", "should_drop_image"), ("align_text", "should_drop_text")):
        failed = subset[c.FAILED].list.eval(pl.element().str.starts_with(f"{stage}.")).list.any()
        found.append(_judgement(stage, "pairs", failed.filter(measured), truth[column].filter(measured)))
    found.append(_duplicates(recipe, workspace, frame.filter(measured), truth.filter(measured)))
    asked = scored(workspace)
    passed = subset[c.REASON].filter(asked).fill_null("").str.starts_with("clip_score.")
    found.append(_judgement("clip_score", "wrong captions", passed, wrong(truth).filter(asked)))
    return found


def planted_rows(workspace: Workspace, web: PlantedWeb) -> pl.DataFrame:
    """The truth of every row of the pool, in the pool's order: rows of a URL behind its first stand at its end."""
    rows = Columns(workspace.folder).frame({POOL: [c.ROW]})[c.ROW]
    return pl.read_parquet(web.truth)[rows.cast(pl.UInt32)]


def scored(workspace: Workspace) -> pl.Series:
    """The rows of the list that came as far as clip_score."""
    subset = _of_web(workspace)
    later = [
        subset[c.REASON].fill_null("").str.starts_with(f"{stage}.") for stage in ("clip_score", "capfilt", "agreed")
    ]
    return subset[c.KEEP] | later[0] | later[1] | later[2]


def _of_web(workspace: Workspace) -> pl.DataFrame:
    """The subset's rows of the list, without the synthetic ones that stand behind them."""
    subset = pl.from_arrow(workspace.folder.read_table(SUBSET))
    assert isinstance(subset, pl.DataFrame)
    return subset.filter(pl.col(c.ORIGIN) != c.SYNTHETIC)


def wrong(truth: pl.DataFrame) -> pl.Series:
    """Pairs whose caption is of another picture, or says nothing of it."""
    return truth["mismatched"] | truth["should_drop_text"]


def _judgement(part: str, unit: str, predicted: pl.Series, actual: pl.Series) -> Judgement:
    precision, recall = precision_recall(predicted, actual)
    return Judgement(part, unit, precision, recall, int(predicted.sum()), int(actual.sum()))


def _duplicates(recipe: Recipe, workspace: Workspace, frame: pl.DataFrame, truth: pl.DataFrame) -> Judgement:
    """Pairs of samples that the rule would put into one group, against the planted groups."""
    item = next(item for item in recipe.filters if isinstance(item, PHashDedup))
    pairs = tables(recipe, workspace)["hash_pairs"]["pairs"].filter(pl.col(c.DISTANCE) <= item.max_distance)
    grouped = frame.select(c.UID, c.PHASH).join(hash_groups(frame[c.PHASH], pairs), on=c.PHASH)
    both = grouped.join(grouped, on="group", suffix="_b").filter(pl.col(c.UID) < pl.col(f"{c.UID}_b"))
    predicted = set(zip(both[c.UID].to_list(), both[f"{c.UID}_b"].to_list(), strict=True))
    planted = dict(zip(truth[c.UID].to_list(), truth["group"].to_list(), strict=True))
    precision, recall = pair_scores(planted, predicted)
    sizes = truth["group"].drop_nulls().value_counts()["count"]
    return Judgement(
        item.stage, "pairs of duplicates", precision, recall, len(predicted), int((sizes * (sizes - 1) / 2).sum())
    )


def outcome_confusion(workspace: Workspace, web: PlantedWeb, frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows whose outcome is another than the planted one, counted by (planted, found)."""
    truth = planted_rows(workspace, web)
    both = pl.DataFrame({"planted": truth["answer"], "found": frame[c.OUTCOME][: len(truth)]})
    wrong = both.filter(pl.col("planted") != pl.col("found"))
    return wrong.group_by("planted", "found").len("rows").sort("planted", "found").to_dicts()
