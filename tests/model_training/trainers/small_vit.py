"""A ViT of 16 px and jobs that train it, so that a training takes a second."""

import json
from pathlib import Path
from typing import Any

from model_training.libraries import torch
from model_training.trainers.loop import _Training
from model_training.trainers.plan import Job
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job

VIT = {
    "architecture": "vit_tiny_patch16_224",
    "model_args": {"img_size": 16, "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2},
    "pretrained_cfg": {"input_size": [3, 16, 16], "crop_pct": 1.0, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]},
}
OPTIONS = {
    "prototypes": 24,
    "hidden": 16,
    "bottleneck": 8,
    "local_crops": 2,
    "local_side": 8,
    "drop_path": 0.0,
    "momentum": (0.9, 1.0),
    "epochs": 4,
    "temperature_epochs": 2,
    "teacher_temperature": (0.04, 0.07),
}


def vit_job(folder: Path, objective: str, under: str = "train/0", *, root: str | None = None, **plan: Any) -> Job:
    """12 steps of 8 images, as `job`; `options` are added to those above."""
    arch = folder / "vit.json"
    arch.write_text(json.dumps(VIT))
    options = tuple({**OPTIONS, **plan.pop("options", {})}.items())
    given = {"arch": str(arch), "objective": objective, "options": options, "clip_norm": 3.0, **plan}
    return job(folder, under, root=root, **given)


def told_apart_more_after(given: Job) -> None:
    training = _Training(given, held.CPU, 0, 1)
    before = _told_apart(training.objective)
    training.run(None, None)
    after = _told_apart(training.objective)
    assert after > before + 0.1, (before, after)


@torch.no_grad()
def _told_apart(objective: Any) -> float:
    """How much nearer, in cosines of centred features, a picture's two views are than those of two pictures."""
    views = held.inputs_of(objective, 24).views[:2]
    pixels = [(v.permute(0, 3, 1, 2).float() / 255 - objective.mean) / objective.std for v in views]
    found = [objective.teacher["backbone"](p) for p in pixels]
    middle = torch.cat(found).mean(0)
    one, two = (torch.nn.functional.normalize(f - middle, dim=1) for f in found)
    near = one @ two.T
    return float(near.diag().mean() - near.mean())
