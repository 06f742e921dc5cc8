"""What a plan makes of a seed is recorded with the version of the trainers: the weights drawn, two steps, the update.

When this fails because the output was meant to change, raise VERSION in model_training/trainers/plan.py, and put the
new numbers here; `python -m tests.golden.test_training_version` prints them. Sums may be made in another order
elsewhere, so they are compared to three digits.
"""

import json
from pathlib import Path

import pytest
import safetensors.torch

from model_training.libraries import torch
from model_training.models.weights import Weights
from model_training.trainers.clip import Clip
from model_training.trainers.loop import train
from model_training.trainers.objectives import OBJECTIVES, build
from model_training.trainers.plan import VERSION, Job, Plan
from tests.model_training.trainers.small import job
from tests.model_training.trainers.small_blip import blip_job
from tests.model_training.trainers.small_vit import vit_job
from tests.model_training.trainers.test_coca import ARCH

CPU = torch.device("cpu")
RECORDED = 3
NUMBERS: dict[str, tuple[float, float, float]] = {
    "clip": (7130.46, 2.40837, 23.6871),
    "align": (7127.8, 4.17376, 11.6216),
    "siglip": (7140.11, 8.23779, 25.0438),
    "lit": (7128.15, 2.22104, 14.3654),
    "filip": (7130.46, 7.73486, 24.022),
    "mammut": (7130.46, 6.09913, 23.7237),
    "coca": (4281.24, 18.2876, 22.8002),
    "blip": (492.82, 15.1144, 10.166),
    "blip_captioner": (422.102, 6.37788, 25.3064),
    "blip_matcher": (440.136, 7.74364, 10.5165),
    "dino": (240.02, 1.75381, 0.243441),
    "ibot": (240.02, 3.94094, 0.27718),
    "dinov2": (240.02, 9.99179, 0.20996),
}  # objective -> sum of |initial weights|, mean loss of two steps, sum of |last weights - initial ones|


def given_to(folder: Path, name: str) -> Job:
    """Of architectures that no one tunes: what is recorded is the trainers' and not a size's."""
    plan = {"objective": name, "samples_seen": 16, "warmup": 1, "lr": 1e-3}
    known, under = OBJECTIVES[name], f"train/{name}"
    if known.family == "timm":
        return vit_job(folder, under=under, **plan)
    if known.family == "blip":
        return blip_job(folder, under=under, **plan)
    if known.family == "coca":
        (folder / "coca.json").write_text(json.dumps(ARCH))
        return job(folder, under, arch=str(folder / "coca.json"), **plan)
    plain = job(folder, under, **plan)
    if not known.needs_init:
        return plain
    arch, file = plain.plan.arch, str(folder / "start.safetensors")
    safetensors.torch.save_file(Clip(Plan(arch, 8, 8), 5, CPU).weights(), file)
    return job(folder, under, init=Weights("train.init", arch, file), init_part="image", **plan)


def made(folder: Path, name: str) -> tuple[float, float, float]:
    given = given_to(folder, name)
    initial = {key: value.double() for key, value in build(given.plan, 0, CPU).weights().items()}
    trained = train(given)
    last = safetensors.torch.load(given.folder.read(f"{given.under}/checkpoint.safetensors"))
    assert set(last) == set(initial)
    size = sum(float(value.abs().sum()) for value in initial.values())
    return size, trained.loss, sum(float((last[key].double() - initial[key]).abs().sum()) for key in last)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_weights_and_version_belong_together(tmp_path, name):
    assert VERSION == RECORDED
    assert made(tmp_path, name) == pytest.approx(NUMBERS[name], rel=2e-3)


if __name__ == "__main__":
    import tempfile

    for objective in OBJECTIVES:
        with tempfile.TemporaryDirectory() as place:
            print(f'    "{objective}": ({", ".join(f"{number:.6g}" for number in made(Path(place), objective))}),')
