"""A job's identity follows all that bears on the weights, and nothing else; plans need no torch."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import pytest

from curate.errors import InputError
from curate.files import Folder
from model_training.data.hold_out import HoldOut
from model_training.models.weights import Weights
from model_training.trainers.plan import Plan
from tests.model_training.trainers.small import SMALL, job


def test_what_bears_on_the_weights_changes_the_identity(tmp_path):
    one = job(tmp_path)
    (tmp_path / "other.json").write_text(json.dumps({**SMALL, "embed_dim": 8}))
    start = tmp_path / "start.safetensors"
    start.write_bytes(b"weights")
    plans = {
        "arch": str(tmp_path / "other.json"), "samples_seen": 97, "batch": 9, "lr": 1.0, "warmup": 4,
        "betas": (0.9, 0.9), "eps": 1e-5, "weight_decay": 0.5, "clip_norm": None, "flip": False,
        "crop_area": 0.5, "resampled": True,
        "threads": 2, "objective": "siglip", "options": (("gamma", 2.0),), "init": Weights("init", "x", str(start)),
        "init_part": "image", "optimizer": "lion", "schedule": "constant", "accumulate": 2, "precision": "bfloat16",
        "compile": True, "checkpointing": True, "ema": 0.9,
    }  # fmt: skip
    bears_not = {"checkpoint_seconds", "loaders"}
    assert set(Plan.__dataclass_fields__) - {"captions"} - set(plans) == bears_not
    others = [replace(one, plan=replace(one.plan, **{name: value})) for name, value in plans.items()]
    others += [replace(one, seed=1), replace(one, content="b"), replace(one, hold_out=HoldOut(0, 2, 1))]
    others += [replace(one, hold_out=HoldOut(0, 2, 0))]
    assert len({one.identity, *(other.identity for other in others)}) == 1 + len(others)
    before = others[0].identity, replace(one, plan=replace(one.plan, init=plans["init"])).identity
    start.write_bytes(b"others")
    assert replace(one, plan=replace(one.plan, init=plans["init"])).identity != before[1]


def test_names_and_places_do_not(tmp_path):
    one = job(tmp_path)
    (tmp_path / "copy.json").write_text(json.dumps(SMALL, indent=3))
    moved = replace(one, name="x", folder=Folder("/y"), under="z", logs="l", shards=("elsewhere.tar",))
    same = replace(moved, plan=replace(one.plan, arch=str(tmp_path / "copy.json"), checkpoint_seconds=1.0, loaders=4))
    assert same.identity == one.identity


def test_steps_are_rounded_up_and_an_unreadable_config_is_an_error(tmp_path):
    assert [Plan("x", seen, 64).steps for seen in (1, 64, 65, 128)] == [1, 1, 2, 2]
    with pytest.raises(InputError, match=r"none\.json"):
        _ = job(tmp_path, arch=str(tmp_path / "none.json")).identity


def test_a_job_travels_without_torch(tmp_path):
    given = job(tmp_path)
    (tmp_path / "job").write_bytes(pickle.dumps(given))
    code = "import pickle, sys; j = pickle.load(open(sys.argv[1], 'rb')); print(j.identity, 'torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "job")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [given.identity, "False"]
