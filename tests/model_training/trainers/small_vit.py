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


def learns_what_the_teacher_says(folder: Path, objective: str) -> None:
    """A teacher that stays has a best answer: the loss of a batch is nearer to it after the training."""
    options = {"momentum": (1.0, 1.0), "teacher_temperature": (0.1, 0.1), "weight_decay": (0.0, 0.0)}
    given = vit_job(folder, objective, samples_seen=8 * 100, lr=3e-3, warmup=10, options=options)
    training = _Training(given, held.CPU, 0, 1)
    before = _loss(training.objective)
    training.run(None, None)
    after = _loss(training.objective)
    assert after < before - 0.1, (before, after)


@torch.no_grad()
def _loss(objective: Any) -> float:
    encoded = objective.encode(held.inputs_of(objective, 24))
    for _ in range(60):  # a centre that is still on its way makes another loss
        objective.loss(*encoded)
    return float(objective.loss(*encoded))
