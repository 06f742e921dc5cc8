"""A training resumed from wherever it ended makes the weights of the unbroken one, bit for bit."""

import json
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from curate.errors import InputError
from curate.files import Folder
from model_training.data.hold_out import HoldOut
from model_training.libraries import torch
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.trainers.loop import _Training, train
from tests.conftest import picture
from tests.model_training.trainers.small import job

import open_clip  # isort: skip

CPU = torch.device("cpu")
RUN = """
import pickle, sys
from model_training.trainers.loop import train
train(pickle.load(open(sys.argv[1], "rb")), report=lambda progress: print(progress.step, flush=True))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("loop")


@pytest.fixture(scope="module")
def unbroken(data):
    return train(job(data, "train/0"))


def weights(given):
    return given.folder.read(f"{given.under}/checkpoint.safetensors")


def stop_after(steps):
    asked = iter(range(10**6))
    return lambda: next(asked) >= steps - 1


def test_the_weights_are_a_checkpoint_that_open_clip_reads(data, unbroken):
    given = job(data, "train/0", lr=1e-2)
    assert (unbroken.steps, unbroken.samples, unbroken.skipped, unbroken.undecodable) == (12, 96, 0, 0)
    assert unbroken.identity == job(data, "train/0").identity
    assert given.folder.sha256("train/0/checkpoint.safetensors") == unbroken.sha256
    assert given.folder.size("train/0/checkpoint.safetensors") == unbroken.bytes
    assert given.folder.names("train/0/state") == []
    spec = OpenClipSpec("s", given.plan.arch, given.folder.path("train/0/checkpoint.safetensors"))
    assert OpenClipEncoder(spec).encode_texts(["thing"]).shape == (1, 16)
    assert open_clip


def test_it_learns(data):
    trained = train(job(data, "train/learns", samples_seen=8 * 150, lr=1e-2, weight_decay=0.0, flip=False))
    assert trained.loss < 0.5 * math.log(8)


def test_the_same_job_gives_the_same_bits_and_another_seed_others(data, unbroken):
    assert train(job(data, "train/again")).sha256 == unbroken.sha256
    assert train(job(data, "train/seed", seed=1)).sha256 != unbroken.sha256
    assert train(replace(job(data, "train/fold"), hold_out=HoldOut(0, 2, 0))).sha256 != unbroken.sha256


def test_the_process_keeps_its_threads_and_its_random_state(data):
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    train(job(data, "train/state"))
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads


@pytest.mark.parametrize("place", ["local", "memory"])
def test_stopped_and_called_again_it_goes_on(data, unbroken, place, tmp_path):
    root = str(tmp_path) if place == "local" else f"memory://{tmp_path.name}"
    given = job(data, "train/0", root=root)
    told = []
    for _ in range(3):
        assert train(given, stopped=stop_after(3), report=told.append) is None
    assert len(given.folder.names("train/0/state")) == 4
    assert not given.folder.exists("train/0/checkpoint.safetensors")
    trained = train(given, report=told.append)
    assert trained.sha256 == unbroken.sha256 and trained.loss == unbroken.loss
    assert weights(given) == weights(job(data))
    steps = [progress.step for progress in told]
    assert steps == sorted(steps) and steps[-1] == 12 and told[-1].eta == 0


def test_a_torn_newest_state_gives_way_to_the_one_before(data, unbroken, tmp_path):
    given = job(data, root=str(tmp_path))
    for _ in range(2):
        train(given, stopped=stop_after(4))
    torn = tmp_path / "train/0/state/000000008.safetensors"
    torn.write_bytes(torn.read_bytes()[:-7])
    told = []
    assert train(given, report=told.append).sha256 == unbroken.sha256
    assert told[0].step == 5


def test_another_jobs_state_is_ignored(data, unbroken, tmp_path):
    assert train(job(data, root=str(tmp_path), seed=1), stopped=stop_after(4)) is None
    assert train(job(data, root=str(tmp_path))).sha256 == unbroken.sha256


@pytest.mark.parametrize("attempt", range(int(os.environ.get("CURATE_KILLS", "1"))))
def test_killed_at_any_instant_and_run_again_it_is_the_unbroken(data, tmp_path, attempt):
    import pickle

    given = job(data, root=str(tmp_path), samples_seen=8 * 400, checkpoint_seconds=0.0)
    (tmp_path / "job").write_bytes(pickle.dumps(given))
    process = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path / "job")], stdout=subprocess.PIPE, text=True)
    first = int(process.stdout.readline())
    time.sleep(random.Random(attempt).uniform(0.0, 1.0))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not given.folder.exists("train/0/checkpoint.safetensors")
    told = []
    resumed = train(replace(given, plan=replace(given.plan, checkpoint_seconds=60.0)), report=told.append)
    assert first <= told[0].step < 400
    whole = train(replace(given, under="train/whole", plan=replace(given.plan, checkpoint_seconds=60.0)))
    assert resumed.sha256 == whole.sha256 and resumed.loss == whole.loss


def test_what_is_finished_is_told_again_and_made_again_where_it_is_damaged(data, tmp_path):
    """Whoever asked may have died before it was told."""
    given, told = job(data, root=str(tmp_path)), []
    whole = train(given)
    assert train(replace(given, name="other"), report=told.append) == replace(whole, job="other", seconds=0.0)
    assert [(progress.step, progress.steps, progress.eta) for progress in told] == [(12, 12, 0.0)]
    weights, about = tmp_path / "train/0/checkpoint.safetensors", tmp_path / "train/0/finished.json"
    weights.write_bytes(weights.read_bytes()[:-7])
    assert steps_made(given) == 12 and given.folder.sha256("train/0/checkpoint.safetensors") == whole.sha256
    assert steps_made(given) == 0
    for damage in ("{", "[1]", "{}", about.read_text().replace(whole.sha256, "0" * 64)):
        about.write_text(damage)
        assert steps_made(given) == 12
    assert steps_made(replace(given, seed=1)) == 12  # another's
    weights.unlink()
    assert steps_made(replace(given, seed=1)) == 12


def steps_made(given):
    """How many of them a training logs."""
    log = Path(given.folder.root, "logs", f"{given.name}.jsonl")
    log.unlink(missing_ok=True)
    train(replace(given, logs=str(log.parent.parent)))
    return len(log.read_text().splitlines()) if log.exists() else 0


def poisoned(given, steps):
    """A training whose loss is not a number at some steps."""
    training = _Training(given, CPU, 0, 1)
    plain, at = training.objective.loss, iter(range(10**6))
    training.objective.loss = lambda *batch: plain(*batch) * (math.nan if next(at) in steps else 1.0)
    return training


def test_an_update_that_is_not_finite_is_skipped_and_named(data, unbroken, tmp_path):
    given = replace(job(data, root=str(tmp_path)), logs=str(tmp_path / "logs"))
    trained = poisoned(given, {2, 3, 4, 6, 7}).run(None, None)
    assert trained.skipped == 5 and math.isfinite(trained.loss)
    assert trained.sha256 != unbroken.sha256
    lines = [json.loads(line) for line in (tmp_path / "logs/small/0.jsonl").read_text().splitlines()]
    skipped = {line["step"]: line["keys"] for line in lines if "skipped" in line}
    assert list(skipped) == [3, 4, 5, 7, 8] and all(len(keys) == 8 for keys in skipped.values())
    assert [line["step"] for line in lines] == list(range(1, 13))  # a skipped one has no other line


def test_five_in_a_row_are_an_error(data, tmp_path):
    with pytest.raises(InputError, match=r"step 8: .* 5 times in a row") as error:
        poisoned(job(data, root=str(tmp_path)), {3, 4, 5, 6, 7}).run(None, None)
    assert "train.lr" in error.value.hint
    assert re.search(r"pairs \d{5}, \d{5}, \d{5} and 5 more", error.value.message)


def test_a_rate_far_too_high_ends_with_that_error(data, tmp_path):
    with pytest.raises(InputError, match="not finite"):
        train(job(data, root=str(tmp_path), lr=1e38, warmup=0, samples_seen=800))


def test_gains_biases_and_the_scale_do_not_decay(data):
    training = _Training(job(data, "train/decay", weight_decay=0.7), CPU, 0, 1)
    model, groups = training.objective.model, training.optimizer.param_groups
    named = {id(p): name for name, p in model.named_parameters()}
    decay, keep = ([named[id(p)] for p in group["params"]] for group in groups)
    assert [group["weight_decay"] for group in groups] == [0.7, 0.0]
    assert "logit_scale" in keep and "visual.conv1.weight" in decay and "token_embedding.weight" in decay
    assert all(name.endswith((".bias", "_bias", "logit_scale", "class_embedding")) or "ln_" in name for name in keep)
    assert len(decay) + len(keep) == len(named)


def test_the_log_tells_the_steps_once_and_tensorboard_has_them(data, tmp_path):
    given = replace(job(data, root=str(tmp_path), samples_seen=8 * 25), logs=str(tmp_path / "logs"))
    assert train(given, stopped=stop_after(12)) is None
    (tmp_path / "logs/small/0.jsonl").open("a").write('{"step": 20}\n{"step": 2')  # made, but not in a state
    train(given)
    lines = [json.loads(line) for line in (tmp_path / "logs/small/0.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [*range(1, 21), 25]
    assert set(lines[-1]) == {
        "job", "step", "samples", "loss", "lr", "logit_scale", "samples_per_second", "eta",
    }  # fmt: skip
    assert lines[9]["samples"] == 80 and lines[-1]["eta"] == 0
    events = list((tmp_path / "logs/tensorboard/small/0").iterdir())
    assert len(events) == 2 and all(event.stat().st_size > 0 for event in events)


def test_images_that_cannot_be_decoded_are_counted(data, tmp_path):
    from curate.tars import TarBuilder

    tar = TarBuilder()
    for i in range(8):
        tar.add(f"{i}.jpg", picture(i, (30, 30))[: None if i else 300])
        tar.add(f"{i}.txt", f"thing {i}".encode())
    (tmp_path / "x.tar").write_bytes(tar.close())
    given = replace(job(data), shards=(str(tmp_path / "x.tar"),), folder=Folder(str(tmp_path)))
    assert train(given).undecodable == 12
    (tmp_path / "x.tar").write_bytes(tar.close()[:3000])
    with pytest.raises(InputError, match=r"x\.tar: damaged"):
        train(replace(given, under="train/1"))


def test_adamw_clipping_and_the_schedule_are_what_plain_torch_does(data):
    """Two steps by hand, with open_clip's loss and torch's own unfused AdamW."""
    given = job(data, "train/hand", samples_seen=16, warmup=1, clip_norm=0.1, weight_decay=0.3)
    train(given)
    reference = _Training(given, CPU, 0, 1)
    model, batches = reference.objective.model.train(), reference.batches(reference.standing.position)
    no_decay = [p for p in model.parameters() if p.ndim < 2]
    decay = [p for p in model.parameters() if p.ndim >= 2]
    groups = [{"params": decay, "weight_decay": 0.3}, {"params": no_decay, "weight_decay": 0.0}]
    plain = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, foreach=False)
    for rate in (3e-3, 3e-3):  # one step of warm-up, then the cosine's first
        for group in plain.param_groups:
            group["lr"] = rate
        batch = next(batches)
        out = model(reference.objective.pixels(torch.from_numpy(batch.views[0])), torch.from_numpy(batch.tokens))
        plain.zero_grad()
        open_clip.ClipLoss()(**out).backward()
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in model.parameters()))
        for p in model.parameters():
            p.grad *= min(1.0, 0.1 / (norm + 1e-6))
        plain.step()
    batches.close()
    import safetensors.torch

    made = safetensors.torch.load(weights(given))
    for name, tensor in model.state_dict().items():
        np.testing.assert_allclose(made[name].numpy(), tensor.numpy(), atol=2e-6, err_msg=name)
