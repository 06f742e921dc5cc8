"""What Ray Train gives is what the serial engine gives; workers may be many, stopped, killed or given up."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from curate.errors import InputError, MachineError, QuarantineError, RecipeError
from curate.files import Folder
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialEngine
from pipelines.engine.stop import Interrupted, Stop
from tests.model_training.trainers.small import job


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("ray_train")


@pytest.fixture(scope="module")
def engine():
    engine = RayEngine(workers=2)
    yield engine
    engine.close()


def listening():
    """The addresses at which this process and its descendants wait for connections."""
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            for one in process.net_connections("inet"):
                if one.status == psutil.CONN_LISTEN:
                    yield one.laddr.ip
        except psutil.Error:
            continue


def jobs(data, root, count=3, **plan):
    given = [job(data, f"train/{seed}", root=str(root), seed=seed, **plan) for seed in range(count)]
    return [replace(one, logs=str(root / "logs")) for one in given]


def fit(engine, given, workers=1, stop=None, on_progress=lambda progress: None):
    done = []
    engine.fit(given, workers=workers, stop=stop or Stop(), on_progress=on_progress, on_done=done.append)
    return {trained.job: trained for trained in done}


def losses(root, name="small/0"):
    lines = (json.loads(line) for line in Path(root, "logs", f"{name}.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in lines}


@pytest.fixture(scope="module")
def serial(data, tmp_path_factory):
    root = tmp_path_factory.mktemp("serial")
    return root, fit(SerialEngine(), jobs(data, root))


def test_jobs_spread_over_workers_are_the_serial_ones(data, engine, serial, tmp_path, capfd):
    told = []
    done = fit(engine, jobs(data, tmp_path), on_progress=told.append)
    assert {name: t.sha256 for name, t in done.items()} == {name: t.sha256 for name, t in serial[1].items()}
    assert {progress.job for progress in told} == set(done)
    for seed in range(3):
        name = f"train/{seed}/checkpoint.safetensors"
        assert (tmp_path / name).read_bytes() == (serial[0] / name).read_bytes()
    assert capfd.readouterr() == ("", "")
    assert not Path("~/ray_results").expanduser().exists()


def test_two_workers_at_one_job_make_its_losses(data, engine, serial, tmp_path):
    given = jobs(data, tmp_path, 2)
    places: set[str] = set()
    done = fit(engine, given, workers=2, on_progress=lambda _: places.update(listening()))
    assert places and places <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert [done[f"small/{i}"].identity for i in range(2)] == [one.identity for one in given]
    for name in done:
        one, two = losses(serial[0], name), losses(tmp_path, name)
        assert list(two) == list(range(1, 13))
        assert max(abs(one[step] - two[step]) for step in one) < 1e-5
        assert done[name].samples == 96 and not any((tmp_path / f"train/{name[-1]}/state").glob("*"))


@pytest.mark.slow
def test_killed_then_stopped_then_run_again_nothing_changes(data, engine, tmp_path, capfd):
    def given(root):
        return jobs(data, root, 1, samples_seen=8 * 1000, checkpoint_seconds=0.2)

    stop, killed = Stop(), []

    def kill_then_stop(progress):
        if killed and time.monotonic() - killed[0] > 3:  # of the next group
            stop.signum = signal.SIGINT
        if not killed and progress.step > 100:
            killed.append(time.monotonic())
            killed.extend(process for process in psutil.process_iter(["name"]) if is_worker(process))
            for process in killed[1:]:
                process.kill()

    with pytest.raises(Interrupted):
        fit(engine, given(tmp_path), stop=stop, on_progress=kill_then_stop)
    assert len(killed) == 2 and list((tmp_path / "train/0/state").glob("*.json"))
    after = []
    done = fit(engine, given(tmp_path), on_progress=after.append)
    assert after[0].step > 50
    whole = fit(SerialEngine(), given(tmp_path / "whole"))
    assert done["small/0"].sha256 == whole["small/0"].sha256
    assert capfd.readouterr() == ("", "")


def is_worker(process):
    return "TrainWorker" in process.info["name"] and os.getpid() in {parent.pid for parent in process.parents()}


@pytest.mark.slow
def test_a_job_that_fails_three_times_is_given_up_by_name(data, engine, tmp_path):
    good, bad = jobs(data, tmp_path, 2)
    bad = replace(bad, plan=replace(bad.plan, lr="high"))
    with pytest.raises(QuarantineError, match="training of small/1 failed 3 times: TypeError") as error:
        fit(engine, [good, bad])
    assert "train/1/state" in error.value.hint


@pytest.mark.slow
def test_bad_data_is_an_error_at_once(data, engine, tmp_path):
    (tmp_path / "bad.tar").write_bytes(b"nothing like a tar" * 100)
    given = replace(jobs(data, tmp_path, 1)[0], shards=(str(tmp_path / "bad.tar"),))
    started = time.monotonic()
    with pytest.raises(InputError, match=r"bad\.tar"):
        fit(engine, [given])
    assert time.monotonic() - started < 60


def test_more_workers_than_there_is_room_for(data, engine, tmp_path):
    with pytest.raises(MachineError, match="3 workers"):
        fit(engine, jobs(data, tmp_path, 1), workers=3)
    with pytest.raises(RecipeError, match="engine") as error:
        fit(SerialEngine(), jobs(data, tmp_path, 1), workers=2)
    assert "engine.kind: ray" in error.value.hint


def test_the_serial_engine_stops_too(data, tmp_path):
    stop = Stop()
    with pytest.raises(Interrupted):
        fit(SerialEngine(), jobs(data, tmp_path, samples_seen=800), 1, stop, lambda p: setattr(stop, "signum", 2))
    assert Folder(str(tmp_path)).names("train/0/state") and not (tmp_path / "train/1").exists()
