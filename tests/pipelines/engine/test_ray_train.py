"""What Ray Train gives is what the serial engine gives; workers may be many, stopped, killed or given up."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from curate.errors import InputError, MachineError, QuarantineError, RecipeError
from curate.files import Folder
from pipelines.engine import ray_train
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialEngine
from pipelines.engine.stop import Interrupted, Stop
from tests.model_training.trainers.small import job
from tests.pipelines.engine.listening import listening


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("ray_train")


@pytest.fixture(scope="module")
def engine():
    engine = RayEngine(workers=2)
    yield engine
    engine.close()


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


def test_two_workers_at_one_job_make_its_losses_and_stop_when_told_to(data, engine, serial, tmp_path):
    short, longer = *jobs(data, tmp_path, 1), jobs(data, tmp_path, 2, samples_seen=8 * 4000)[1]
    places: set[str] = set()
    done, stop = [], Stop()

    def stop_the_second(progress):
        places.update(listening())
        if progress.job == longer.name and progress.step > 20:
            stop.signum = signal.SIGINT

    with pytest.raises(Interrupted):
        engine.fit([short, longer], workers=2, stop=stop, on_progress=stop_the_second, on_done=done.append)
    assert places and places <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert [(one.identity, one.samples) for one in done] == [(short.identity, 96)]
    one, two = losses(serial[0]), losses(tmp_path)
    assert list(two) == list(range(1, 13))
    assert max(abs(one[step] - two[step]) for step in one) < 1e-5
    assert not any((tmp_path / "train/0/state").glob("*")) and list((tmp_path / "train/1/state").glob("*.json"))


@pytest.mark.slow
def test_killed_in_the_middle_jobs_spread_over_workers_are_the_serial_ones(data, engine, serial, tmp_path, capfd):
    """More jobs than workers; all workers are killed, and a new group goes on where they were."""
    (longest,) = jobs(data, tmp_path, 1, samples_seen=8 * 600, checkpoint_seconds=0.2)
    told, killed = [], []

    def kill_once(progress):
        told.append((bool(killed), progress))
        if not killed and progress.job == longest.name and progress.step > 100:
            killed.extend(process for process in psutil.process_iter(["name"]) if is_worker(process))
            for process in killed:
                process.kill()

    done = fit(engine, [longest, *jobs(data, tmp_path)[1:]], on_progress=kill_once)
    assert len(killed) == 2
    # What the dead had told may come a moment later; then its steps count from the last state on.
    steps = [progress.step for late, progress in told if late and progress.job == longest.name]
    assert min(steps) > 50 and steps[-1] == 600
    assert {progress.job for _, progress in told} == set(done) == set(serial[1])
    (whole,) = fit(SerialEngine(), [replace(longest, folder=Folder(str(tmp_path / "whole")))]).values()
    expected = {**{name: trained.sha256 for name, trained in serial[1].items()}, longest.name: whole.sha256}
    assert {name: trained.sha256 for name, trained in done.items()} == expected
    for seed in (1, 2):
        name = f"train/{seed}/checkpoint.safetensors"
        assert (tmp_path / name).read_bytes() == (serial[0] / name).read_bytes()
    assert capfd.readouterr() == ("", "")
    assert not Path("~/ray_results").expanduser().exists()


def is_worker(process):
    return "TrainWorker" in process.info["name"] and os.getpid() in {parent.pid for parent in process.parents()}


@pytest.mark.slow
def test_a_job_that_fails_too_often_is_given_up_by_name(data, engine, tmp_path, monkeypatch):
    assert ray_train.TRIES == 3
    monkeypatch.setattr(ray_train, "TRIES", 2)  # every try is a new group of workers
    good, bad = jobs(data, tmp_path, 2)
    bad = replace(bad, plan=replace(bad.plan, lr="high"))
    with pytest.raises(QuarantineError, match="training of small/1 failed 2 times: TypeError") as error:
        fit(engine, [good, bad])
    assert "train/1/state" in error.value.hint


@pytest.mark.slow
def test_bad_data_is_an_error_at_once(data, engine, tmp_path):
    (tmp_path / "bad.tar").write_bytes(b"nothing like a tar" * 100)
    given = replace(jobs(data, tmp_path, 1)[0], shards=(str(tmp_path / "bad.tar"),))
    tries = []
    with pytest.raises(InputError, match=r"bad\.tar"):
        fit(engine, [given], on_progress=tries.append)
    assert not tries and not (tmp_path / "train/0").exists()


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
