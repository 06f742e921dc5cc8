"""One recipe with every filter there is, on the planted web: each planted defect goes by the rule that should take it.

python -m tests.claims.test_every_method [pairs]     prints the funnel, and precision and recall per rule
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml

from curate import schema as c
from curate.filters import FILTERS
from curate.planted.server import PlantedServer
from curate.planted.truth import precision_recall
from curate.planted.web import PlantedWeb, plant
from pipelines.context import session
from pipelines.demo import planted_rows
from pipelines.progress import Quiet
from pipelines.recipe import load
from pipelines.run import Runner
from pipelines.train import fit, tasks_of
from pipelines.verify import verify
from pipelines.workspace import FUNNEL, SUBSET, Workspace

RECIPE = """
version: 1
name: every-method
seed: 0
run_dir: run
input: {urls: web/urls.parquet}
models:
  eye: {kind: open_clip, arch: tiny, weights: base/train/0/checkpoint.safetensors}
  dfn: {kind: trained, trained_on: trusted}       # a data filtering network
  look: {kind: zero_shot, of: eye, categories: {shape: [a circle, a ring], animal: [a fish], letter: [a cross]}}
download:
  timeout: 2
  retries: 1
  concurrency: 128
  per_host: 16
  resolve: {"*.planted.example": "ADDRESS"}
  allow_private_hosts: ["ADDRESS"]
filters:
  - exact_dedup: {keep: largest}
  - m3w_image: {max_aspect_ratio: 100}
  - blocklist: {domains: blocked.txt}
  - align_image: {}
  - align_text: {}
  - caption_quality: {max_boilerplate: null}
  - language: {keep: [en]}
  - datacomp_basic: {}
  - conceptual_captions: {formats: null, min_side: 100, max_aspect_ratio: 3, min_word_count: 1, determiner: false}
  - text_based: {words: words.txt, tokens: words}
  - decontaminate: {against: {objects: web/eval/objects.parquet, pairs: web/eval/pairs.parquet}, max_distance: 4}
  - phash_dedup: {max_distance: 4}
  - embedding_dedup: {model: eye, threshold: 0.97}
  - semdedup: {model: eye, clusters: 8, epsilon: 0.005}
  - score: {column: brightness, min: 0.02}
  - where: {sql: "entropy > 0"}
  - laion_safety: {model: look, unsafe: [letter], worse: [animal]}
  - clip_score: {model: dfn, top: 0.5, of: survivors}
  - any_of: [{where: {sql: words > 5}}, {score: {column: clip_score_dfn, min: 0}}]
  - all_of: [{align_text: {}}, {language: {keep: [en]}}]
  - none_of: [{where: {sql: words > 20}}]
  - laion: {model: eye, min_bytes: 100, min_score: -1}
  - laion2b: {model: eye, min: -1}
  - stability: {score: clip_score_eye, lower: clip_score_eye, min: 0.5}
  - retrieve: {model: eye, queries: web/trusted.parquet, k: 8}
  - image_based: {model: eye, against: [web/trusted.parquet], clusters: 16}
  - concepts: {entries: words.txt, cap: 40}
  - phrase_balance: {}
  - cluster_balance: {model: eye, levels: [12, 4], keep: 60, rounds: 1}
  - mix: {groups: {small: words <= 5, large: words > 5}}
  - listed: {table: web/truth.parquet}
  - random: {keep: 20}
train: {objective: clip, model: tiny, samples_seen: 12_800, batch: 64, seeds: [0]}
loop: {rounds: 1, trusted: web/trusted.parquet, scorer: {samples_seen: 19_200}}
engine: {kind: serial}
"""
BASE = {
    "name": "eye",
    "run_dir": "base",
    "input": {"table": "web/trusted.parquet"},
    "statistics": [],
    "train": {"objective": "clip", "model": "tiny", "samples_seen": 12_800, "batch": 64, "seeds": [0]},
    "engine": {"kind": "serial"},
}


@dataclass(frozen=True)
class Made:
    folder: Path
    web: PlantedWeb
    funnel: list[dict]
    rows: pl.DataFrame  # a row of the subset and of the truth beside one another


def make(folder: Path, pairs: int) -> Made:
    web = plant(folder / "web", seed=5, pairs=pairs, evaluation=pairs // 3)
    (folder / "blocked.txt").write_text("\n".join(web.hosts[:1]))
    words = pl.read_parquet(web.truth)["concept"].drop_nulls().str.split(" ").explode().unique().sort()
    (folder / "words.txt").write_text("\n".join(words.to_list()))
    (folder / "base.yaml").write_text(yaml.safe_dump(BASE))
    base = load(folder / "base.yaml")
    Runner(base).run(report=False)
    with session(base, Quiet()) as context:
        fit(context, "train", tasks_of(base, context.workspace, "eye"))
    with PlantedServer(folder / "web") as server:
        (folder / "recipe.yaml").write_text(RECIPE.replace("ADDRESS", server.address))
        recipe = load(folder / "recipe.yaml")
        Runner(recipe).run()
    workspace = Workspace.at(recipe.run_dir)
    subset = pl.from_arrow(workspace.folder.read_table(SUBSET))
    truth = planted_rows(workspace, web).drop(c.UID)
    return Made(folder, web, workspace.folder.read_json(FUNNEL), pl.concat([subset, truth], how="horizontal"))


def first(stage: str) -> pl.Expr:
    """Dropped by a rule of this stage, and by none before it."""
    return pl.col(c.REASON).str.starts_with(f"{stage}.").fill_null(False)


def asked(stages: list[str], stage: str) -> pl.Expr:
    """Came as far as this stage."""
    before = stages[: stages.index(stage)]
    return ~pl.any_horizontal(first(one) for one in before) if before else pl.lit(True)


# Which rows a rule should take, among those that come as far. Of duplicates that is all but one of a group.
PLANTED = {
    "download": pl.col("answer") != c.Outcome.OK,
    "blocklist": pl.col("blocked"),
    "align_image": pl.col("tiny") | pl.col("banner"),
    "align_text": pl.col("should_drop_text"),
    "language": pl.col("foreign"),
    "decontaminate": pl.col("leaked"),
    "clip_score": pl.col("mismatched"),
}
COPIES = {
    "input": pl.col(c.UID),
    "exact_dedup": pl.when(pl.col("duplicate").is_in(["none", "exact"])).then(pl.col("group")),
    "phash_dedup": pl.col("group"),
    "embedding_dedup": pl.col("group"),
}


def judged(made: Made) -> pl.DataFrame:
    """rule, planted, found, precision, recall: of the rows that came as far as the rule."""
    stages = list(dict.fromkeys(row["stage"] for row in made.funnel))
    rows = made.rows.with_columns(blocked=pl.col("url").str.contains(made.web.hosts[0], literal=True))
    found = []
    for stage in (stage for stage in stages if stage in PLANTED or stage in COPIES):
        came = rows.filter(asked(stages, stage))
        if stage in PLANTED:
            some = came.select(said=first(stage), true=PLANTED[stage])
            found.append((stage, int(some["true"].sum()), int(some["said"].sum()), *precision_recall(*some)))
            continue
        if stage != "input":
            came = came.unique(c.IMAGE_UID)  # an image that goes takes its texts along
        groups = (
            came.select(said=first(stage), group=COPIES[stage]).group_by("group").agg(pl.len(), pl.col("said").sum())
        )
        named, other = groups.drop_nulls("group"), groups.filter(pl.col("group").is_null())["said"].sum()
        hits = int(pl.select(pl.min_horizontal(named["said"], named["len"] - 1)).to_series().sum())
        planted, said = int((named["len"] - 1).sum()), int(named["said"].sum() + other)
        found.append((stage, planted, said, hits / max(1, said), hits / max(1, planted)))
    return pl.DataFrame(found, schema=["rule", "planted", "found", "precision", "recall"], orient="row")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("methods"), 900)


def test_the_recipe_has_every_filter():
    asked_for = {name for item in yaml.safe_load(RECIPE)["filters"] for name in item}
    apart = {"capfilt"}  # it appends samples, and has its own test with its own models: tests/pipelines/test_capfilt.py
    assert {kind.type for kind in FILTERS} - apart == asked_for


@pytest.mark.slow
def test_the_funnel_adds_up_and_every_file_is_what_was_written(made):
    before = len(made.rows)
    for row in made.funnel:
        assert row["in"] == before and row["in"] + row["added"] == row["dropped"] + row["kept"]
        before = row["kept"]
    assert before == made.rows[c.KEEP].sum() > 0
    assert verify(Workspace.at(str(made.folder / "run"))).problems == []


@pytest.mark.slow
def test_each_planted_defect_goes_by_the_rule_that_should_take_it(made):
    found = {row["rule"]: row for row in judged(made).to_dicts()}
    for rule in ("input", "download", "exact_dedup", "blocklist", "align_image", "align_text", "decontaminate"):
        assert (found[rule]["precision"], found[rule]["recall"]) == (1, 1), rule
    assert found["embedding_dedup"]["precision"] == 1
    assert found["phash_dedup"]["precision"] == 1 and found["phash_dedup"]["recall"] > 0.6  # crops are further away
    assert found["language"]["precision"] > 0.7 and found["language"]["recall"] > 0.9
    assert found["clip_score"]["precision"] > 0.5 + 0.05 and found["clip_score"]["recall"] > 0.5 + 0.05


@pytest.mark.slow
def test_nothing_is_measured_twice(made):
    recipe = load(made.folder / "recipe.yaml")
    assert Runner(recipe).run().made == 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, pl.Config(tbl_rows=100, tbl_width_chars=120):
        result = make(Path(folder), int(sys.argv[1]) if sys.argv[1:] else 900)
        print(pl.DataFrame(result.funnel))
        print(judged(result))
