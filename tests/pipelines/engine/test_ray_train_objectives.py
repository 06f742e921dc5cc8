"""Two Ray Train workers make one worker's losses at the same global batch, whatever the objective."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch

from model_training.models.weights import Weights
from model_training.trainers.clip import Clip
from model_training.trainers.objectives import OBJECTIVES
from model_training.trainers.plan import Plan
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialEngine
from pipelines.engine.stop import Stop
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job
from tests.model_training.trainers.small_blip import blip_job
from tests.model_training.trainers.small_vit import vit_job
from tests.model_training.trainers.test_coca import ARCH as COCA

pytestmark = pytest.mark.slow


def jobs(data: Path, root: Path):
    """One of each objective, of 4 steps; the data and the architectures are the same wherever they write."""
    data.mkdir(exist_ok=True)
    (data / "coca.json").write_text(json.dumps(COCA))
    made = []
    for name, known in OBJECTIVES.items():
        given = {"root": str(root), "samples_seen": 32, "objective": name, "warmup": 1}
        if known.family == "timm":
            made.append(vit_job(data, name, f"train/{name}", **{k: v for k, v in given.items() if k != "objective"}))
        elif known.family == "blip":
            made.append(blip_job(data, name, f"train/{name}", **{k: v for k, v in given.items() if k != "objective"}))
        elif known.family == "coca":
            made.append(job(data, f"train/{name}", arch=str(data / "coca.json"), **given))
        else:
            # Tokens are chosen among as many pairs as a worker has, or it matters how many workers there are.
            options = (("chosen_among", 4),) if name == "filip" else ()
            init = _start(data) if known.needs_init else None
            made.append(job(data, f"train/{name}", init=init, options=options, **given))
    return [replace(one, name=f"small/{one.plan.objective}", logs=str(root / "logs")) for one in made]


def _start(data: Path) -> Weights:
    job(data)  # writes small.json
    file = data / "start.safetensors"
    if not file.exists():
        safetensors.torch.save_file(Clip(Plan(str(data / "small.json"), 8, 8), 5, held.CPU).weights(), str(file))
    return Weights("train.init", str(data / "small.json"), str(file))


def losses(root: Path, name: str) -> list[float]:
    lines = (root / "logs" / f"{name}.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_two_workers_make_the_losses_of_one_for_every_objective(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    done: list[str] = []
    quiet = {"stop": Stop(), "on_progress": lambda progress: None, "on_done": lambda trained: done.append(trained.job)}
    SerialEngine().fit(jobs(tmp_path / "data", one), workers=1, **quiet)
    engine = RayEngine(workers=2)
    try:
        engine.fit(jobs(tmp_path / "data", two), workers=2, **quiet)
    finally:
        engine.close()
    assert len(done) == 2 * len(OBJECTIVES)
    told = {name: (losses(one, f"small/{name}"), losses(two, f"small/{name}")) for name in OBJECTIVES}
    assert all(len(found) == 4 for pair in told.values() for found in pair)
    assert {name: pair for name, pair in told.items() if pair[1] != pytest.approx(pair[0], rel=2e-4)} == {}
