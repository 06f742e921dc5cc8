"""Two workers make the gradients and losses of one, for every objective on images and texts; SigLIP's ring of three."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
import safetensors.torch

from curate.files import Folder
from model_training.libraries import torch
from model_training.models.weights import Weights
from model_training.trainers.clip import Clip
from model_training.trainers.loop import train
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job
from tests.model_training.trainers.test_coca import ARCH

WORK = """
import os, pickle, sys
from model_training.trainers import clip, filip  # what takes seconds to import is imported once
from model_training.trainers.group import met
from model_training.trainers.loop import train

def work(rank):
    for number, (workers, jobs) in enumerate(pickle.load(open(meeting + ".jobs", "rb"))):
        if rank < workers:
            with met(f"{meeting}.{number}", rank, workers):
                trained = [train(job, rank=rank, workers=workers) for job in jobs]
            if rank == 0:
                pickle.dump(trained, open(f"{meeting}.{number}.trained", "wb"))

meeting = sys.argv[1]
others = {}
for rank in (1, 2):
    others[rank] = os.fork()
    if not others[rank]:
        code = 1
        try:
            work(rank)
            code = 0
        finally:
            os._exit(code)
work(0)
assert all(os.waitpid(process, 0)[1] == 0 for process in others.values())
"""
NAMES = ("clip", "align", "siglip", "lit", "filip", "mammut", "coca")


def jobs(folder, batch):
    """Six plain steps each: what workers sum in another order, Adam would blow up."""
    job(folder)
    arch, file = str(folder / "small.json"), folder / "start.safetensors"
    (folder / "coca.json").write_text(json.dumps(ARCH))
    safetensors.torch.save_file(Clip(Plan(arch, 8, 8), 5, held.CPU).weights(), str(file))
    common = {
        "optimizer": "sgd",
        "lr": 0.02,
        "warmup": 1,
        "weight_decay": 0.0,
        "batch": batch,
        "samples_seen": 6 * batch,
    }
    for name in NAMES:
        special = {"lit": {"init": Weights("init", arch, str(file)), "init_part": "image"}}.get(name, {})
        special |= {"arch": str(folder / "coca.json")} if name == "coca" else {}
        yield name, job(folder, f"train/{name}", objective=name, **common, **special)
    for among in (3, 4):  # a group that lies in two workers, and groups that do not
        options = (("chosen_among", among),)
        yield f"filip {among}", job(folder, f"train/filip{among}", objective="filip", options=options, **common)


def moved(given, root):
    return replace(given, folder=Folder(str(root)))


def written(given):
    return safetensors.torch.load(given.folder.read(f"{given.under}/checkpoint.safetensors"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(workers, objective) -> the job of one worker and that of as many, and what they made."""
    folder = tmp_path_factory.mktemp("workers")
    asked = [(2, list(jobs(folder, 8))), (3, [pair for pair in jobs(folder, 12) if pair[0] == "siglip"])]
    meeting, several = str(folder / "meeting"), []
    for workers, named in asked:
        several.append((workers, [moved(given, folder / f"by{workers}") for _, given in named]))
    with open(meeting + ".jobs", "wb") as file:
        pickle.dump(several, file)
    subprocess.run([sys.executable, "-c", WORK, meeting], check=True, timeout=240)
    found = {}
    for number, (workers, named) in enumerate(asked):
        with open(f"{meeting}.{number}.trained", "rb") as file:
            trained = pickle.load(file)
        for (name, given), other, result in zip(named, several[number][1], trained, strict=True):
            one = moved(given, folder / f"one{workers}")
            found[workers, name] = one, train(one), other, result
    return found


@pytest.mark.parametrize(("workers", "name"), [*((2, name) for name in (*NAMES, "filip 3", "filip 4")), (3, "siglip")])
def test_several_workers_make_the_losses_and_the_weights_of_one(made, workers, name):
    one, alone, other, together = made[workers, name]
    assert alone.steps == together.steps == 6
    assert together.loss == pytest.approx(alone.loss, rel=1e-5)
    first, last = held.build(one.plan, one.seed, held.CPU).weights(), written(one)
    assert any(not torch.equal(first[key], last[key]) for key in last)
    for key, tensor in written(other).items():
        torch.testing.assert_close(tensor, last[key], rtol=1e-4, atol=2e-6, msg=lambda m, key=key: f"{key}: {m}")
