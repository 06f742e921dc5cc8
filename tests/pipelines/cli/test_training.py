"""train, eval, loop and compare, as a user types them."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.pipelines.cli.test_commands import curate, fails, ok
from tests.pipelines.coloured import world

SHORT = {"model": "small.json", "samples_seen": 96, "batch": 16, "warmup": 2, "seeds": [0, 1]}
ONCE = {"rounds": 1, "trusted": "trusted.parquet", "scorer": {"samples_seen": 160}}


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    path = world(folder, train=SHORT, loop=ONCE)
    return folder, ok("loop", path, cwd=folder), json.loads(ok("loop", path, "--json", cwd=folder))


def test_a_loop_prints_its_arms_and_words_and_as_json_one_document(looped):
    _, text, found = looped
    for word in ("raw", "random", "curated", "objects", "Kept 48 of 96 pairs", "report.html", "seeds 0, 1", "48"):
        assert word in text
    assert found["made"] == 0 and [r["round"] for r in found["rounds"]] == [0]


def test_models_are_trained_and_judged_on_the_run_and_on_other_data(looped):
    folder = looped[0]
    trained = json.loads(ok("train", "run", "--json", cwd=folder))
    assert [row["seed"] for row in trained] == [0, 1] and all(len(row["sha256"]) == 64 for row in trained)
    ok("train", "run", "--data", "trusted.parquet", "--name", "clean", cwd=folder)
    longer = ("--name", "longer", "--set", "train.samples_seen=112", "--set", "train.seeds=[0]")
    ok("train", "run", "--data", "trusted.parquet", *longer, cwd=folder)
    rows = json.loads(ok("eval", "run", "--json", cwd=folder))
    assert {row["arm"] for row in rows if row["as_planned"]} == {"raw", "random", "curated", "clean"}
    assert {row["arm"] for row in rows if not row["as_planned"]} == {"longer"}
    once = json.loads(ok("eval", "run", "--data", "pairs.parquet", "--json", cwd=folder))
    assert {row["arm"] for row in once} == {"seed 0", "seed 1"} and {r["metric"] for r in once} >= {"mean_r1"}
    told = ok("eval", "run", "--data", "objects.parquet", "--classes", "classes.yaml", cwd=folder)
    assert "top1" in told and "seed 1" in told


def test_models_of_an_earlier_dataset_are_not_taken_for_the_present_ones(tmp_path):
    plain = {"name": "objects", "kind": "zero_shot", "data": "objects.parquet", "classes": "classes.yaml"}
    path = world(tmp_path, train=SHORT, loop=ONCE, eval=[plain, {**plain, "name": "shifted", "shift_of": "objects"}])
    assert "no model is trained yet" in fails(4, "eval", ok_run(tmp_path, path), cwd=tmp_path)
    ok("train", "run", cwd=tmp_path)
    told = curate("eval", "run", cwd=tmp_path)  # before the loop: there is no other arm yet, and no line
    assert told.returncode == 0 and "effective_robustness needs a line: curate loop" in told.stderr
    assert "shifted" in told.stdout and "top1" in told.stdout
    ok("run", path, "--set", "filters.clip_score.top=0.25", cwd=tmp_path)
    assert "curate train" in fails(4, "eval", "run", cwd=tmp_path)


def ok_run(folder, path):
    ok("run", path, cwd=folder)
    return "run"


def test_names_and_data_that_cannot_be_are_refused(looped):
    folder = looped[0]
    for name in ("../../out", "curated", "random", "a b"):
        assert "not a name for an arm" in fails(
            4, "train", "run", "--data", "trusted.parquet", "--name", name, cwd=folder
        )
    assert "there is no such file" in fails(4, "eval", "run", "--data", "none.tar", cwd=folder)
    assert "loop.trusted" in fails(4, "check", "recipe.yaml", "--set", "loop.trusted=none.parquet", cwd=folder)
    for option in (("--kind", "knn"), ("--classes", "classes.yaml"), ("--train", "objects.parquet")):
        assert f"{option[0]} is of another set: give --data" in fails(2, "eval", "run", *option, cwd=folder)
    fails(2, "loop")
    fails(2, "loop", "recipe.yaml", "--replay", "run/record.json")


def test_a_round_is_replayed_and_a_difference_is_exit_1(looped):
    folder = looped[0]
    serial = ("--set", "engine.kind=serial")
    assert "the same dataset bytes" in ok("loop", "--replay", "run/record.json", "--to", "again", *serial, cwd=folder)
    changed = (*serial, "--set", "loop.scorer.samples_seen=32", "--to", "changed")
    done = fails(1, "loop", "--replay", "run/record.json", *changed, cwd=folder)
    assert "Traceback" not in done


def test_recipes_are_compared_in_words_and_on_a_page(tmp_path):
    world(tmp_path / "a", name="half", train=SHORT, loop={**ONCE, "rounds": 1})
    world(tmp_path / "b", name="all", train={**SHORT, "samples_seen": 999}, filters=[], loop={"rounds": 1})
    both = ("a/recipe.yaml", "b/recipe.yaml")
    done = curate("compare", *both, "--seeds", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search("all is .* half by top1 on objects: .* ± ", done.stdout) and "seeds 0, 1" in done.stdout
    assert "all: its `train` is another; the budget of half counts for all" in done.stderr
    (page,) = (tmp_path / "a").glob("comparison-*.html")  # beside the first run
    before = page.read_text()
    again = json.loads(ok("compare", *both, "--seeds", "2", "--json", cwd=tmp_path))
    assert again["page"] == str(page) and page.read_text() == before  # the first sitting's seconds stand
    assert {**again, "seconds": 0} == {**json.loads(page.with_suffix(".json").read_text()), "seconds": 0}
    assert {row["metric"] for row in again["differences"]} > {"top1", "mean_r1"} and again["batch"] == 16
    ok("compare", *both, "--seeds", "1", "--out", "pages", cwd=tmp_path)
    assert [name.suffix for name in sorted((tmp_path / "pages").iterdir())] == [".html", ".json"]
    assert "run_dir" in fails(4, "compare", "a/recipe.yaml", "a/recipe.yaml", cwd=tmp_path)


def test_ctrl_c_in_the_middle_of_training_tells_how_to_go_on(tmp_path):
    path = world(tmp_path, train={**SHORT, "samples_seen": 200_000}, loop={**ONCE, "arms": []})
    script = "import sys; from pipelines.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen([sys.executable, "-c", script, "loop", str(path)], stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run/logs/train/curated/0.jsonl"
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "To go on:" in said and "curate loop" in said
    assert list((tmp_path / "run/train/0/state").glob("*.safetensors"))
