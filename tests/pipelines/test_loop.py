"""Rounds: what they write, that nothing is done twice, that a kill costs nothing, and that a record is enough."""

import re

import numpy as np
import polars as pl
import pytest
import yaml

from curate.errors import GateError, InputError, MachineError, RecipeError
from curate.uid import draw_int, fold_of
from pipelines import comparison as cmp
from pipelines.compare import compare
from pipelines.ledger import read_all
from pipelines.loop import Loop
from pipelines.recipe import load
from pipelines.recipe_training import Train
from pipelines.replay import replay
from pipelines.rounds import Turn
from pipelines.run import Runner
from pipelines.status import status
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.pipelines.coloured import rows, world
from tests.pipelines.web import contents, stamps

SHORT = {"model": "small.json", "samples_seen": 64, "batch": 16}
TOLD = {"rounds": 2, "trusted": "trusted.parquet", "oracle": {"table": "truth.parquet", "column": "right"}}


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    """An unbroken serial loop: its folder, summary and records."""
    folder = tmp_path_factory.mktemp("looped")
    summary, records = Loop(load(world(folder))).run()
    return folder, summary, records


def table(folder, name):
    return pl.read_parquet(folder / "run" / name)


def test_a_round_has_arms_of_the_right_samples(looped):
    folder, summary, records = looped
    truth, first = table(folder, "../truth.parquet"), records[0]
    keeps = {arm: table(folder, f"arms/{arm}/subset.parquet")["keep"] for arm in ("raw", "random", "oracle")}
    assert keeps["raw"].all() and keeps["oracle"].to_list() == truth["right"].to_list()
    assert summary.kept == keeps["random"].sum() == 48
    assert keeps["random"].to_list() != table(folder, "subset.parquet")["keep"].to_list()
    assert {arm: found["samples"] for arm, found in first["arms"].items()} == {
        "raw": 96,
        "random": 48,
        "curated": 48,
        "oracle": truth["right"].sum(),
    }
    asked = {(row["arm"], row["eval"], row["metric"]) for row in first["results"]}
    assert {(arm, "objects", "top1") for arm in keeps} | {("curated", "pairs", "mean_r1")} <= asked


def test_metrics_are_the_seeds_of_each_arm_and_the_intervals_hold_their_means(looped):
    folder, _, records = looped
    metrics = table(folder, "arms/raw/metrics.parquet").filter(pl.col("metric") == "top1")
    assert metrics["seed"].to_list() == [0, 1] and metrics["n"].to_list() == [32, 32]
    row = next(r for r in records[0]["results"] if (r["arm"], r["metric"]) == ("raw", "top1"))
    assert list(row["values"].values()) == metrics["value"].to_list()
    assert row["low"] <= row["mean"] <= row["high"] and row["mean"] == pytest.approx(metrics["value"].mean())


def test_the_scores_are_those_of_the_model_that_has_not_seen_the_image(looped):
    """Scored again with open_clip itself, each sample by the weights trained without its fold."""
    from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec

    folder = looped[0]
    weights = sorted((folder / "run/models/clip/train").glob("*/checkpoint.safetensors"))
    encoders = [OpenClipEncoder(OpenClipSpec("x", str(folder / "small.json"), str(path))) for path in weights]
    pool = pl.concat(pl.read_parquet(path) for path in sorted((folder / "run/pool").glob("*.parquet")))
    scores = pl.concat(pl.read_parquet(p) for p in sorted((folder / "run/signals/clip_score_clip").glob("*.parquet")))
    made = rows(96, 1, 0.5)
    assert len(encoders) == 2 and pool["uid"].to_list() == made["uid"].to_list()
    for i in range(0, 96, 7):
        import io

        from PIL import Image

        encoder = encoders[fold_of(3, pool["sha256"][i], 2)]
        picture = Image.open(io.BytesIO(made["jpg"][i])).convert("RGB")
        cosine = encoder.encode_images([picture])[0] @ encoder.encode_texts([made["caption"][i]])[0]
        assert scores["clip_score_clip"][i] == pytest.approx(float(cosine), abs=1e-5)


def test_the_second_round_learns_from_the_first_ones_dataset_and_is_judged_by_select_alone(looped):
    _, _, records = looped
    assert [record["round"] for record in records] == [0, 1]
    assert records[0]["scorers"]["clip"]["pairs"] == 96 and records[1]["scorers"]["clip"]["pairs"] == 48
    assert records[0]["scorers"]["clip"]["trusted"] == 24 and records[1]["source"] == 0
    assert records[0]["decision"]["why"] == "the first round"
    assert records[1]["decision"]["evals"] == ["pairs"]
    agreement = records[1]["agreement"]
    assert agreement["both"] + agreement["newly_kept"] == agreement["both"] + agreement["newly_dropped"] == 48


def test_every_number_adds_up_in_rounds_and_arms_too(looped):
    folder, _, records = looped
    workspace = Workspace.at(str(folder / "run"))
    assert verify(workspace).problems == []
    assert read_all(workspace) == records
    told = status(load(folder / "run/recipe.yaml"), workspace)
    assert {stage["state"] for stage in told["stages"]} == {"done"}
    assert [turn["round"] for turn in told["rounds"]] == [0, 1]
    assert "Rounds and arms" in (folder / "run/report.html").read_text()


@pytest.mark.parametrize(
    "name",
    ["models/clip/train/1/checkpoint.safetensors", "arms/raw/dataset/00000.tar", "arms/oracle/eval/1.parquet",
     "rounds/1/signals/clip_score_clip/00001.parquet", "rounds/1/train/0/checkpoint.safetensors"],
)  # fmt: skip
def test_damage_anywhere_is_found_and_made_anew(looped, name):
    folder = looped[0]
    before = contents(folder / "run")
    file = folder / "run" / name
    data = bytearray(before[name])
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert any(name.rsplit("/", 1)[-1] in problem for problem in verify(Workspace.at(str(folder / "run"))).problems)
    Loop(load(folder / "recipe.yaml")).run()
    assert differing(contents(folder / "run"), before) == []


def test_a_second_loop_does_nothing(looped):
    folder, _, records = looped
    before = stamps(folder / "run")
    summary, again = Loop(load(folder / "recipe.yaml")).run()
    assert again == records and stamps(folder / "run") == before and summary.made == 0


@pytest.mark.parametrize("number", [0, 1])
def test_a_round_is_replayed_from_its_record_to_the_same_bytes(looped, tmp_path, number):
    folder = looped[0]
    at = folder / "run" / (f"rounds/{number}" if number else "")
    found = replay(str(at / "record.json"), str(tmp_path / "again"), ["engine.kind=serial"])
    assert found.differences == [] and found.kept == 48
    tars = {name: data for name, data in contents(at / "dataset").items() if name.endswith(".tar")}
    assert tars and all((tmp_path / "again/dataset" / name).read_bytes() == data for name, data in tars.items())


def test_a_replay_of_another_pool_is_refused_and_one_that_differs_says_so(looped, tmp_path):
    folder = looped[0]
    found = replay(str(folder / "run/record.json"), str(tmp_path / "other"), ["loop.scorer.samples_seen=64"])
    assert "the dataset is another" in found.differences
    (tmp_path / "no.json").write_text("{}")
    with pytest.raises(InputError, match="not the record of a round"):
        replay(str(tmp_path / "no.json"), str(tmp_path / "x"), [])
    for taken in (folder / "run", folder / "run/again", folder, tmp_path / "other"):
        with pytest.raises(MachineError, match="another run's folder"):
            replay(str(folder / "run/record.json"), str(taken), [])


def test_another_threshold_trains_no_scorer_and_the_record_is_out_until_the_loop_runs_again(tmp_path):
    path = world(tmp_path, loop={"rounds": 1, "arms": [], "scorer": {"samples_seen": 64}})
    workspace, report = Workspace.at(str(tmp_path / "run")), tmp_path / "run/report.html"
    Loop(load(path)).run()
    assert len(read_all(workspace)) == 1 and "Rounds and arms" in report.read_text()
    before = stamps(tmp_path / "run")
    other = load(path, ["filters.clip_score.top=0.25"])
    Runner(other).run()
    assert read_all(workspace) == [] and "Rounds and arms" not in report.read_text()
    Loop(other).run()
    assert len(read_all(workspace)) == 1
    after = stamps(tmp_path / "run")
    changed = {name.split("/")[0] for name in after if after[name] != before.get(name)}
    assert changed.isdisjoint({"pool", "signals", "models", "input"}) and {"train", "dataset"} <= changed


def differing(a, b):
    """Files that two runs do not share, but for what names their paths or the time."""
    own = {"recipe.yaml", "report.html", "record.json", "manifest.json"}
    names = {n for n in a.keys() | b.keys() if "logs/" not in n and n.rsplit("/", 1)[-1] not in own}
    names = {n for n in names if not n.startswith("input/")}
    return sorted(name for name in names if a.get(name) != b.get(name))


def test_a_round_is_promoted_beyond_its_interval_only():
    recipe = load_text(select=("a", "b"))
    rng = np.random.default_rng(0)
    base = rng.random((3, 400)) < 0.5

    def turn(a, b, said=recipe):
        found = Turn(1, Holder(said), Train(samples_seen=1, seeds=[0, 1, 2]), None)
        hits = {("a", "top1"): np.float32(a), ("b", "top1"): np.float32(b)}
        values = {key: list(hit.mean(axis=1)) for key, hit in hits.items()}
        found.outcomes = {cmp.CURATED: cmp.Outcomes([0, 1, 2], values, dict.fromkeys(hits, 400), hits)}
        return found

    better, worse = base | (rng.random((3, 400)) < 0.3), base & (rng.random((3, 400)) < 0.7)
    before = turn(base, base)
    assert turn(better, base).decide(before)["promoted"] and turn(better, better).decide(before)["promoted"]
    assert not turn(base, base).decide(before)["promoted"]
    assert not turn(better, worse).decide(before)["promoted"]
    assert turn(worse, base).decide(before)["why"].startswith("worse")
    assert turn(worse, worse).decide(None)["promoted"]
    reported = load_text(select=("a",), report=("b",))
    assert not turn(base, better, reported).decide(turn(base, base, reported))["promoted"]  # it selects nothing
    assert turn(better, worse, reported).decide(turn(base, base, reported))["promoted"]


class Holder:
    def __init__(self, recipe):
        self.recipe = recipe


def test_what_an_earlier_recipe_left_counts_no_more(tmp_path):
    """Fewer seeds, folds, rounds and arms, and a pool that grew."""
    path = world(tmp_path, train={**SHORT, "seeds": [0, 1]}, loop={**TOLD, "scorer": {"samples_seen": 64, "folds": 2}})
    Loop(load(path)).run()
    assert len(read_all(Workspace.at(str(tmp_path / "run")))) == 2
    pool = pl.read_parquet(tmp_path / "pool.parquet")
    more = rows(40, 9, 0.5)
    pl.concat([pool, more.select(pool.columns)]).write_parquet(tmp_path / "pool.parquet")
    once = {"rounds": 1, "arms": ["raw"], "scorer": {"samples_seen": 64, "folds": 1}, "trusted": "trusted.parquet"}
    data = yaml.safe_load(path.read_text()) | {"loop": once}
    data["train"]["seeds"] = [1]
    path.write_text(yaml.safe_dump(data))
    _, records = Loop(load(path)).run()
    workspace = Workspace.at(str(tmp_path / "run"))
    assert read_all(workspace) == records and set(records[0]["arms"]) == {"raw", "curated"}
    assert {tuple(row["values"]) for row in records[0]["results"]} == {("1",)}
    assert records[0]["scorers"]["clip"]["models"] == 1
    told = {stage["stage"]: stage for stage in status(load(path), workspace)["stages"]}
    assert told["models/clip"]["state"] == told["train"]["state"] == told["eval"]["state"] == "done"
    proof = verify(workspace)
    left = {place.rsplit("run/", 1)[1] for place in proof.left_over}
    assert proof.problems == [] and left == {"arms/oracle", "arms/random", "rounds/1"}


def test_a_condition_on_the_trained_score_trains_it_too_and_a_round_without_gain_ends_the_loop(tmp_path):
    loop = {"rounds": 3, "arms": [], "scorer": {"samples_seen": 64}, "guards": {"min_agreement": 1.0}}
    train = {**SHORT, "seeds": [0]}
    path = world(tmp_path, filters=[{"where": {"sql": "clip_score_clip > -2"}}], loop=loop, train=train)
    assert Runner(load(path)).run().kept == 96
    _, records = Loop(load(path)).run()
    assert [record["decision"]["promoted"] for record in records] == [True, False]  # of three: nothing changed
    assert records[1]["decision"]["why"].startswith("no gain beyond the interval: pairs mean_r1 +0.000 [+0.000")
    assert "of one seed" in records[1]["decision"]["why"] and records[1]["agreement"]["jaccard"] == 1.0
    assert set(records[1]["stages"]) >= {"scorer", "score", "filters", "dataset", "train", "eval"}
    # The same rounds under a guard that does not hold: nothing is trained, and the reason is another.
    _, records = Loop(load(path, ["loop.guards.max_top_text=0.001"])).run()
    first, second = (record["decision"] for record in records)
    assert first["promoted"] and first["why"].startswith("the first round; but guard.max_top_text: 0.0")
    assert not second["promoted"] and re.match(r"guard.max_top_text: 0.\d{3}, bound 0.001; pairs", second["why"])
    assert [one["guard"] for one in records[1]["guards"] if not one["holds"]] == ["max_top_text"]
    with pytest.raises(GateError, match="kept nothing"):
        Loop(load(path, ["filters.where.sql=clip_score_clip > 2"])).run()


def test_a_round_is_a_run_to_look_at(looped):
    folder = looped[0]
    workspace = Workspace.opened(str(folder / "run/rounds/1"))
    told = status(load(folder / "run/rounds/1/recipe.yaml"), workspace)
    assert told["outcomes"] == {"ok": 96} and told["kept"] == 48
    assert Workspace.opened(str(folder / "run")).folder.mounts == ()


def load_text(select, report=()):
    from pathlib import Path

    from pipelines.recipe import build
    from pipelines.recipe_source import Source

    evals = "".join(
        f"  - {{name: {name}, kind: zero_shot, data: x.parquet, classes: c.yaml, use: {use}}}\n"
        for use, names in (("select", select), ("report", report))
        for name in names
    )
    text = f"name: x\nrun_dir: run\ninput: {{table: x.parquet}}\neval:\n{evals}"
    return build(Source.parse(text.encode(), "recipe.yaml", Path("/nowhere")))


def test_recipes_are_compared_at_the_first_ones_budget(tmp_path):
    one = load(world(tmp_path / "a", name="half", train=SHORT))
    other = world(tmp_path / "b", name="all", filters=[], loop={"rounds": 1}, train={**SHORT, "samples_seen": 999})
    found = compare([one, load(other)], seeds=2)
    sizes = {name: (arm["samples"], arm["images"]) for name, arm in found.arms.items()}
    assert sizes == {"half": (48, 48), "all": (96, 96)}
    assert {(d["arm"], d["against"]) for d in found.differences} == {("all", "half")}
    assert {tuple(row["values"]) for row in found.results} == {("0", "1")}
    with pytest.raises(InputError, match="run_dir"):
        compare([one, one])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"train": None}, "a loop needs `train`"),
        ({"models": {}, "filters": []}, "a second round needs a model of `kind: trained`"),
        ({"eval": [{"name": "p", "kind": "retrieval", "data": "pairs.parquet"}]}, "`use: select`"),
        ({"eval": [{"name": "p", "kind": "zero_shot", "data": "pairs.parquet"}]}, "zero_shot needs `classes`"),
        ({"models": {"clip": {"kind": "trained", "arch": "x"}}}, "unknown key 'arch'"),
        ({"models": {"../x": {"kind": "trained"}}, "filters": []}, "pattern"),
        ({"filters": []}, "no filter reads a trained model's score"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_a_recipe_that_cannot_loop_is_refused_at_the_door(tmp_path, changes, says):
    with pytest.raises(RecipeError, match=says):
        load(world(tmp_path, **changes))


def test_the_folds_draw_is_by_content():
    assert fold_of(3, "ab", 5) == draw_int(3, "ab", "fold") % 5
