"""The commands as a user runs them: exit codes, messages, JSON, help."""

import contextlib
import io
import json
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.cli import app, main
from pipelines.recipe import load
from pipelines.run import Runner
from tests.pipelines.web import SITE, contents, pairs_of, recipe_for, small_site
from tests.slowness import slowness

COMMANDS = ["demo", "init", "check", "run", "status", "stats", "explain", "whatif", "report", "verify", "doctor"]
COMMANDS += ["retry", "train", "eval", "loop", "compare", "extract", "export", "metadata"]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def process(*arguments):
    """The command in a process of its own: where what is proved is the start, or that nothing was kept in memory."""
    script = "import sys; from pipelines.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def curate(*arguments, cwd="."):
    """The command in this process, which has what it imports already."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(argument) for argument in arguments])
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def ok(*arguments, cwd="."):
    done = curate(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fails(code, *arguments, cwd="."):
    done = curate(*arguments, cwd=cwd)
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def site():
    with small_site() as server:
        yield server


@pytest.fixture(scope="module")
def run(site, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    Runner(load(recipe_for(folder, site, pairs_of(site)))).run()
    return folder / "run"


def test_help_is_fast_and_every_command_has_examples():
    slow, began = slowness(), time.monotonic()
    text = process("--help").stdout
    # Half a second is the promise; a busy machine may take a little longer.
    assert time.monotonic() - began < 1.5 * slow
    for command in COMMANDS:
        assert command in text and f"curate {command}" in ok(command, "--help")


def test_the_examples_of_the_help_run(run, tmp_path):
    """Of the commands that need nothing but files."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/v1").symlink_to(run)
    (tmp_path / "subset.npy").write_bytes((run / "subset.npy").read_bytes())
    (tmp_path / "downloaded").symlink_to(run / "dataset")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("a red dog\n" * 100)
    (tmp_path / "titles.tsv").write_text("New_York\t100\n")
    (tmp_path / "list.txt").write_text("hot dog\n")
    pq.write_table(pa.table({"caption": ["a red dog"] * 20}), tmp_path / "captions.parquet")
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        if name not in ("export", "metadata", "init", "status", "stats", "verify"):
            continue
        for i, example in enumerate(command.epilog.split("   |   ")):
            program, *words = shlex.split(example)
            assert program == "curate" and words[0] == name
            words = [f"{word}{i}" if word in ("mydata", "shards", "metadata.txt") else word for word in words]
            ok(*words, cwd=tmp_path)


def test_a_process_ends_with_the_code_and_the_words_of_the_command(run):
    done = process("stats", run / "none")
    assert done.returncode == 4 and "not a run directory" in done.stderr and "Traceback" not in done.stderr
    done = process("stats", run, "--json")
    assert done.returncode == 0 and done.stderr == "" and done.stdout == ok("stats", run, "--json")


def test_wrong_usage_is_2():
    assert "chekc" in fails(2, "chekc", "x.yaml")
    fails(2, "run")


def test_init_writes_a_recipe_that_checks(tmp_path):
    for template in ("align", "clip", "images", "loop", "methods", "training"):
        ok("init", tmp_path / template, "--template", template)
        data = yaml.safe_load((tmp_path / template / "recipe.yaml").read_text())
        assert data["filters"]
    fails(4, "init", tmp_path / "align")
    (tmp_path / "align" / "urls.csv").write_text("url,caption\nhttp://a.example/1.jpg,three words here\nbad line\n")
    text = ok("check", tmp_path / "align/recipe.yaml")
    assert "2 rows" in text and "1 can be asked for" in text and "line 3" in text


def test_run_prints_the_funnel_and_a_second_run_does_nothing(site, tmp_path):
    path = recipe_for(tmp_path, site, pairs_of(site))
    first = ok("run", path)
    assert "Kept 30 of 83 pairs" in first and "404: 10" in first and "report.html" in first
    assert json.loads(ok("run", path, "--json"))["made"] == 0
    assert json.loads(ok("run", path, "--dry-run", "--json"))["input"]["usable"] == 83


def test_stats_status_verify_report(run, tmp_path):
    stats = json.loads(ok("stats", run, "--json"))
    assert stats["counts"]["asked"] == 83 and stats["counts"]["kept"] == 30
    assert "align_text" in ok("stats", run)
    status = json.loads(ok("status", run, "--json"))
    assert {s["state"] for s in status["stages"]} == {"done"} and status["running"] is None
    assert json.loads(ok("verify", run, "--json"))["ok"] is True
    assert ok("verify", run).startswith("ok: ")
    ok("report", run, "-o", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_bytes() == (run / "report.html").read_bytes()


def test_explain_tells_the_life_of_a_kept_a_dropped_a_failed_and_a_repeated_pair(run):
    lives = {}
    for url in (f"http://{SITE}/0.jpg", f"http://{SITE}/0-again.jpg", f"http://{SITE}/gone-1.jpg"):
        for life in json.loads(ok("explain", run, url, "--json")):
            lives[life["life"][-2]["what"] + life["life"][-1]["what"]] = life
    text = "\n".join(lives)
    assert "00000.tar as" in text and "dropped: phash_dedup.max_distance" in text and "404 (permanent)" in text
    assert "one of 2 near-duplicates; kept: " in json.dumps(list(lives.values()))
    assert "nothing has the uid" in fails(4, "explain", run, "http://nowhere/")


def test_whatif_is_quick_writes_nothing_and_agrees_with_a_run(run, site, tmp_path):
    before, slow = contents(run), slowness()
    began = time.monotonic()
    found = json.loads(process("whatif", run, "--set", "filters.phash_dedup.max_distance=1", "--json").stdout)
    assert time.monotonic() - began < 8 * slow and contents(run) == before
    recipe = load(recipe_for(tmp_path, site, pairs_of(site)), ["filters.phash_dedup.max_distance=1"])
    assert found["new"] == Runner(recipe).run().funnel
    assert found["gained"]["count"] == found["kept"]["new"] - 30 and found["lost"]["count"] == 0
    assert "not stored as far" in fails(4, "whatif", run, "--set", "filters.phash_dedup.max_distance=12")
    assert "needs a run" in fails(3, "whatif", run, "--set", "download.image_size=100")


def test_messages_name_the_place_and_the_next_command(site, tmp_path):
    pairs = pairs_of(site)
    path = recipe_for(tmp_path, site, pairs)
    said = fails(4, "check", path, "--set", "input.url_column=link")
    assert "urls.parquet: no column 'link'; there are 'url', 'caption'" in said and "url_column" in said
    model = "{clip: {kind: open_clip, arch: ViT-B-32, weights: none.safetensors}}"  # which no filter reads
    said = fails(4, "run", path, "--set", f"models={model}")
    assert "model 'clip': there is no file" in said and "allow_download" in said
    model = "clip: {kind: open_clip, arch: ViT-B-32, weights: laion2b_s34b_b79k, allow_download: true}"
    head = "head: {kind: linear_head, of: clip, weights: none.safetensors}"
    said = fails(4, "check", path, "--set", f"models={{{model}, {head}}}")
    assert "model 'head': there is no file" in said and "none.safetensors" in said
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 not really")
    assert "not readable as Parquet" in fails(4, "check", path, "--set", "input.urls=broken.parquet")
    (tmp_path / "empty.csv").write_text("url,caption\n")
    assert "the input is empty" in fails(4, "run", path, "--set", "input.urls=empty.csv")
    assert "no such URL list" in fails(4, "run", path, "--set", "input.urls=none*.csv")
    assert "no signal is called 'beauty'" in fails(3, "check", path, "--set", "filters=[{where: {sql: 'beauty > 4'}}]")
    (tmp_path / "other").mkdir()
    assert "not a run directory" in fails(4, "stats", tmp_path / "other")
    assert "cannot be made" in fails(7, "run", path, "--set", "run_dir=broken.parquet/run")
    (tmp_path / "other" / "thesis.tex").write_text("years of work")
    assert "holds other things (thesis.tex)" in fails(7, "run", path, "--set", "run_dir=other")


def test_gates_stop_the_run_with_5(site, tmp_path):
    path = recipe_for(tmp_path, site, pairs_of(site))
    said = fails(5, "run", path, "--set", "gates.min_success_rate=0.9")
    assert "74.7% of 83 rows were downloaded, not 90.0% (connect: 10, 404: 10, bad_url: 1)" in said
    assert "30 samples were kept, not 31" in fails(5, "run", path, "--set", "gates.min_kept=31")
    ok("run", path, "--set", "gates.min_kept=30")


def test_a_network_that_is_down_is_7_and_nothing_is_called_done(site, tmp_path):
    pairs = [(f"http://h{i}.invalid/1.jpg", "three words here") for i in range(40)]
    path = recipe_for(tmp_path, site, pairs)
    assert "the network is down" in fails(7, "run", path)
    assert json.loads(ok("status", tmp_path / "run", "--json"))["stages"][1]["rows"] == 0


def test_doctor():
    done = curate("doctor", "--json")
    assert {check["name"] for check in json.loads(done.stdout)} >= {"torch", "ray", "webdataset", "disk"}
