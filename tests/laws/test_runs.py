"""The laws of a run: nothing is done twice, everything adds up, and how it was cut or cut short does not matter."""

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curate import schema as c
from curate.files import Folder
from pipelines.recipe import load
from pipelines.run import Runner
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.pipelines.web import contents, pairs_of, recipe, recipe_for, small_site, stamps


@pytest.fixture(scope="module")
def site():
    with small_site() as server:
        yield server


@pytest.fixture(scope="module")
def whole(site, tmp_path_factory):
    """An unbroken serial run: its folder and summary."""
    folder = tmp_path_factory.mktemp("whole")
    summary = Runner(recipe(folder, site)).run()
    return folder, summary


def test_the_run_is_what_was_planted(whole):
    folder, summary = whole
    assert summary.asked == 83 and summary.outcomes == {"404": 10, "bad_url": 1, "connect": 10, "ok": 62}
    assert summary.kept == 30 and summary.images == 30
    proof = verify(Workspace.at(str(folder / "run")))
    assert proof.problems == [] and proof.rows == 83


def test_a_second_run_plans_nothing_and_touches_nothing(whole, site):
    folder, _ = whole
    before, asked = stamps(folder / "run"), dict(site.requests)
    summary = Runner(load(folder / "recipe.yaml")).run()
    assert summary.made == 0 and summary.kept == 30
    assert stamps(folder / "run") == before and dict(site.requests) == asked


def test_the_funnel_is_closed_from_the_rows_asked_for_to_the_subset(whole):
    _, summary = whole
    before = summary.asked
    for row in summary.funnel:
        assert row["in"] == before and row["in"] + row["added"] == row["dropped"] + row["kept"]
        before = row["kept"]
    assert before == summary.kept


@pytest.mark.parametrize("rows", [7, 83])
def test_how_the_list_is_cut_does_not_matter(whole, site, tmp_path, rows):
    Runner(recipe(tmp_path, site, samples_per_shard=rows)).run()
    for name in ("00000.tar", "00003.tar", "00001.parquet", "README.md"):
        assert (tmp_path / "run/dataset" / name).read_bytes() == (whole[0] / "run/dataset" / name).read_bytes()


def test_the_order_of_the_list_changes_no_verdict(whole, site, tmp_path):
    pairs = pairs_of(site)
    random.Random(1).shuffle(pairs)
    Runner(load(recipe_for(tmp_path, site, pairs))).run()

    def verdicts(run: Path):
        table = Folder(str(run)).read_table("subset.parquet", [c.UID, c.KEEP, c.REASON])
        return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True), key=str)

    assert verdicts(tmp_path / "run") == verdicts(whole[0] / "run")


@pytest.mark.slow
def test_serial_equals_ray(whole, site, tmp_path):
    Runner(recipe(tmp_path, site, engine={"kind": "ray", "workers": 2})).run()
    ours, theirs = contents(tmp_path / "run"), contents(whole[0] / "run")
    differ = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    # Recipe, report and input name the engine and their own paths; all else is the same, byte for byte.
    own = {"recipe.yaml", "report.html", "manifest.json", "input/manifest.json"}
    assert {n for n in differ if not n.startswith("logs/")} <= own


def test_another_threshold_measures_nothing_and_changes_only_what_follows(site, tmp_path):
    path = recipe_for(tmp_path, site, pairs_of(site))
    Runner(load(path)).run()
    before = stamps(tmp_path / "run")
    summary = Runner(load(path, ["filters.phash_dedup.max_distance=0"])).run()
    after = stamps(tmp_path / "run")
    changed = {name.split("/")[0] for name in after if after[name] != before.get(name)}
    assert summary.kept > 30
    assert changed <= {
        "recipe.yaml",
        "subset.parquet",
        "subset.npy",
        "funnel.json",
        "dataset",
        "report.html",
        "manifest.json",
    }


def test_a_list_that_grew_fetches_only_what_is_new(site, tmp_path):
    pairs = pairs_of(site)[:40]
    Runner(load(recipe_for(tmp_path, site, pairs))).run()
    asked = dict(site.requests)
    before = stamps(tmp_path / "run/pool")
    Runner(load(recipe_for(tmp_path, site, [*pairs, (f"{pairs[0][0]}?new", "one more picture of it")]))).run()
    assert sum(site.requests.values()) - sum(asked.values()) == 1
    after = stamps(tmp_path / "run/pool")
    assert all(after[n] == before[n] for n in ("00000.tar", "00001.tar"))


def test_a_list_that_shrank_leaves_nothing_behind(site, tmp_path):
    pairs = pairs_of(site)
    Runner(load(recipe_for(tmp_path, site, pairs))).run()
    Runner(load(recipe_for(tmp_path, site, pairs[:15]))).run()
    proof = verify(Workspace.at(str(tmp_path / "run")))
    assert proof.problems == [] and proof.rows == 15


@pytest.fixture(scope="module")
def mended(site, tmp_path_factory):
    """A run that test after test damages and mends."""
    folder = tmp_path_factory.mktemp("mended")
    Runner(recipe(folder, site)).run()
    return folder


@pytest.mark.parametrize(
    "name",
    ["pool/00001.tar", "pool/00001.parquet", "signals/phash/00002.parquet", "corpus/alt_text_counts/captions.parquet",
     "subset.parquet", "dataset/00001.tar", "dataset/README.md", "input/00000.parquet"],
)  # fmt: skip
def test_a_damaged_file_is_found_and_made_anew(whole, mended, name):
    file, workspace = mended / "run" / name, Workspace.at(str(mended / "run"))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert any(name.split("/")[-1] in p for p in verify(workspace).problems)
    Runner(load(mended / "recipe.yaml")).run()
    assert verify(workspace).problems == []
    assert contents(mended / "run/dataset") == contents(whole[0] / "run/dataset")


RUN = "import sys; from pipelines.cli import main; main(['run', sys.argv[1]])"


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "kills"), [("serial", 5), ("ray", 2)])
def test_a_driver_killed_at_any_instant_goes_on_to_the_same_bytes(whole, site, tmp_path, engine, kills):
    """Each time further on: a moment after a file came to be that is drawn among all files of the run."""
    path, draw = recipe_for(tmp_path, site, pairs_of(site), engine={"kind": engine}), random.Random()
    finished = whole[0] / "run"
    files = set(stamps(finished)) - {"report.html", "manifest.json"}  # the last: it is as good as done
    births = {name: (finished / name).stat().st_mtime_ns for name in files}
    killed = {}
    for name in sorted(draw.sample(sorted(births), kills), key=births.__getitem__):
        process = subprocess.Popen([sys.executable, "-c", RUN, str(path)], stderr=subprocess.DEVNULL)
        while not (tmp_path / "run" / name).exists() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(draw.choice([0, draw.uniform(0, 1.5)]))
        process.send_signal(signal.SIGKILL)
        killed[name] = process.wait()
    # The killed driver's lock is free: the kernel let go of it.
    Runner(load(path)).run()
    assert contents(tmp_path / "run/dataset") == contents(finished / "dataset"), killed
    assert verify(Workspace.at(str(tmp_path / "run"))).problems == []
    assert -signal.SIGKILL in killed.values(), killed


def unanswered(folder, site, servers):
    """A run that waits for answers that never come: its recipe, and the server that it will ask."""
    silent = servers.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
    address = f"127.0.0.1:{silent.getsockname()[1]}"
    download = {"timeout": 1, "concurrency": 2, "retries": 0, "robots": "off", "resolve": {"*.slow.test": address}}
    pairs = [(f"http://h{i}.slow.test/", "nobody answers here") for i in range(60)]
    return recipe_for(folder, site, pairs, download=download | {"allow_private_hosts": [address]}), silent


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(site, tmp_path):
    with contextlib.ExitStack() as servers:
        runs = []
        for signum in (signal.SIGINT, signal.SIGTERM):  # at the same time: each is given its grace
            path, silent = unanswered(tmp_path / str(signum), site, servers)
            command = [sys.executable, "-c", RUN, str(path)]
            runs.append((signum, silent, subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)))
        for signum, silent, process in runs:
            asked, _, _ = select.select([silent], [], [], 120)  # it is in the middle of downloading
            assert asked, "nobody was asked"
            process.send_signal(signum)
        for signum, _, process in runs:
            _, said = process.communicate(timeout=60)
            assert process.returncode == 128 + signum, said.decode()
            assert "curate run" in said.decode() and "Traceback" not in said.decode()


def test_two_writers_the_second_is_refused_and_told_who_it_is(site, tmp_path):
    from curate.errors import MachineError
    from pipelines.lock import holder, writer

    workspace = Workspace.at(str(tmp_path / "run"))
    assert holder(workspace) is None
    with writer(workspace):
        assert f"process {os.getpid()}" in (holder(workspace) or "")
        script = (
            "import sys; from pipelines.lock import writer; from pipelines.workspace import Workspace\n"
            "with writer(Workspace.at(sys.argv[1])): pass"
        )
        began = time.monotonic()
        second = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "run")], capture_output=True, text=True, check=False
        )
        assert second.returncode != 0 and f"process {os.getpid()}" in second.stderr
        assert time.monotonic() - began < 30
    assert issubclass(MachineError, Exception) and holder(workspace) is None
