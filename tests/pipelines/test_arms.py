"""Arms beside a round's set: as many images at random, ablations, and what is told of them later; accepted pairs."""

import json

import polars as pl
import pytest

from curate.errors import InputError
from curate.files import sha256
from curate.filters.random_subset import RandomSubset
from curate.report.rounds import scorers
from pipelines import stages
from pipelines.accept import accept
from pipelines.arms import arm_filters, arm_of, note_all
from pipelines.cli.training import _judged, _refuse_name
from pipelines.context import session
from pipelines.loop import Loop
from pipelines.progress import Quiet
from pipelines.recipe import load
from pipelines.replay import replay
from pipelines.train import scorer_tasks
from pipelines.workspace import Workspace
from tests.pipelines.coloured import world

FILTERS = [
    {"clip_score": {"model": "clip", "top": 0.9, "of": "survivors"}},
    {"clip_score": {"name": "network", "model": "dfn", "top": 0.9, "of": "survivors"}},
]
LOOP = {
    "rounds": 2,
    "trusted": "trusted.parquet",
    "scorer": {"samples_seen": 64, "folds": 2},
    "ablations": {"wide": {"clip_score": {"top": 1.0}}},
}
TRAIN = {"model": "small.json", "samples_seen": 32, "batch": 16, "warmup": 2, "seeds": [0]}


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    """24 images with two texts each, four of them among the trusted pairs: the recipe's path, records, notes."""
    folder, notes = tmp_path_factory.mktemp("arms"), Quiet()
    models = {"clip": {"kind": "trained"}, "dfn": {"kind": "trained", "trained_on": "trusted"}}
    path = world(folder, 24, models=models, filters=FILTERS, train=TRAIN, loop=LOOP)
    pool = pl.read_parquet(folder / "pool.parquet")
    texts = pl.Series("caption", [[text, f"{text}, again"] for text in pool["caption"]])
    pool.select("jpg", texts).write_parquet(folder / "pool.parquet")
    trusted = pl.read_parquet(folder / "trusted.parquet")
    pl.concat([trusted, pool.select("jpg", "caption")[:4]]).write_parquet(folder / "trusted.parquet")
    return path, Loop(load(path), notes).run()[1], notes.notes


def run_of(path):
    return Workspace.at(str(path.parent / "run"))


def test_the_random_arm_has_as_many_images_with_one_text_each(looped):
    _, records, notes = looped
    for record in records:
        curated, random = record["arms"]["curated"], record["arms"]["random"]
        assert curated["samples"] > curated["images"] == random["images"] == random["samples"]
    assert notes == []


@pytest.mark.parametrize("keep", [23, 24])
def test_a_random_arm_of_every_image_is_told_as_one(looped, keep):
    recipe, quiet = load(looped[0]), Quiet()
    with session(recipe, quiet) as context:
        arm = arm_of(context, f"draws-{keep}", [RandomSubset(keep=keep, unit="images")])
        stages.ask_filters(arm)
        note_all(arm)
    assert (arm.summary.kept, arm.summary.images) == (keep, keep)
    assert [("every image" in note) for note in quiet.notes] == [True] * (keep == 24)


def test_an_ablation_is_of_the_first_rounds_scores_and_compared_with_no_later_set(looped):
    first, second = looped[1]
    assert {row["against"] for row in first["differences"]} == {"raw", "random", "wide"}
    assert {row["against"] for row in second["differences"]} == {"raw", "random"}
    assert "wide" in {row["arm"] for row in second["results"]}


def test_a_scorer_of_trusted_pairs_alone_is_told_as_one(looped):
    first = looped[1][0]
    told = {
        name: tuple(one[key] for key in ("pairs", "trusted", "folds", "models"))
        for name, one in first["scorers"].items()
    }
    assert told == {"clip": (48, 28, 2, 2), "dfn": (0, 28, 1, 1)}
    network = scorers(first)[1]
    assert "trained on 28 trusted pairs alone" in network and "pairs that it was trained on" not in network


def test_a_trusted_image_that_is_in_the_pool_is_held_out_of_its_fold(looped):
    path = looped[0]
    run, mine = run_of(path), pl.read_parquet(path.parent / "pool.parquet")["jpg"][:4]
    tasks = scorer_tasks(load(path), run, "clip", Workspace(run.folder.at("models/clip")))
    assert {task.job.hold_out.shared for task in tasks} == {tuple(sorted(map(sha256, mine)))}
    assert all(task.done() for task in tasks)


def judged(recipe):
    with session(recipe, Quiet()) as context:
        return {row["arm"] for row in _judged(context, recipe)}


def test_arms_that_the_recipe_no_longer_has_are_left_out_and_stale_ones_refused(looped):
    path = looped[0]
    recipe = load(path)
    assert judged(recipe) == {"raw", "random", "curated", "wide"}
    gone = load(path, ["loop.ablations={}", "loop.arms=[raw]"])
    assert judged(gone) == {"raw", "curated"}
    with pytest.raises(InputError, match="the models of wide are of an earlier dataset"):
        judged(load(path, ["loop.ablations.wide.clip_score.top=0.5"]))
    for one in (recipe, gone):
        with pytest.raises(InputError, match="not a name for an arm of your own"):
            _refuse_name(one, run_of(path), "wide")
    assert _refuse_name(recipe, run_of(path), "mine") is None and "wide" in arm_filters(recipe, 5)


def test_a_loop_that_does_nothing_keeps_the_seconds_of_every_round(looped):
    path, records, _ = looped
    summary, again = Loop(load(path, ["engine.stall=700"])).run()  # another recipe, so other bases to build on
    assert summary.made == 0 and again[1]["builds_on"] != records[1]["builds_on"]
    for key in ("seconds", "stages"):
        assert [record[key] for record in again] == [record[key] for record in records]
    first = records[0]  # round 0 counts from the input, in both
    assert {"input", "ingest", "train"} & first["stages"].keys() and first["seconds"] >= sum(
        first["stages"].values()
    ) - 1


def test_a_round_is_replayed_with_the_accepted_pairs_that_it_had(looped, tmp_path):
    path = looped[0]
    run, once = run_of(path), load(path, ["loop.rounds=1"])
    uids = pl.concat(pl.read_parquet(p) for p in sorted((path.parent / "run/pool").glob("*.parquet")))["uid"]
    place = tmp_path / "verdicts.json"
    place.write_text(json.dumps([{"uid": uids[0], "accept": True}, {"uid": uids[9], "accept": True}]))
    accept(run, str(place))
    _, (record,) = Loop(once).run()
    assert {name: (one["folds"], one["models"]) for name, one in record["scorers"].items()} == {
        "clip": (2, 2),
        "dfn": (2, 2),  # pairs of the pool are among what it was trained on now
    }
    assert [one["trusted"] for one in record["scorers"].values()] == [30, 30]
    place.write_text(json.dumps([{"uid": uids[20], "accept": True}]))
    accept(run, str(place))
    found = replay(str(path.parent / "run/record.json"), str(tmp_path / "again"), [])
    assert found.differences == []
    assert [name.name for name in sorted((tmp_path / "again/trusted").glob("0*.tar"))] == ["00000.tar"]
    other = {**record, "accepted": {**record["accepted"], "content": "0" * 64}}
    (path.parent / "run/other.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="not the accepted pairs that the record was made of"):
        replay(str(path.parent / "run/other.json"), str(tmp_path / "refused"), [])


def test_an_arm_is_a_run_that_can_be_opened(looped):
    path, _, _ = looped
    for arm in ("raw", "random", "wide"):
        assert load(path.parent / "run/arms" / arm / "recipe.yaml").filters != load(path).filters
