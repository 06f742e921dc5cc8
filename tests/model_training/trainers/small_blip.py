"""A BLIP of 16 px and jobs that train it, so that a training takes a few seconds."""

import json
from pathlib import Path
from typing import Any

from model_training.trainers.plan import Job
from tests.model_training.trainers.small import job

BLIP = {
    "image_text_hidden_size": 8,
    "text_config": {
        "vocab_size": 600, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "max_position_embeddings": 32,
    },
    "vision_config": {
        "image_size": 16, "patch_size": 8, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
        "num_attention_heads": 2, "initializer_range": 0.02,
    },
}  # fmt: skip
OPTIONS: dict[str, dict[str, Any]] = {
    "blip": {"queue": 16, "augment": "none", "epochs": 4, "momentum": 0.9},
    "blip_captioner": {"augment": "none"},
    "blip_matcher": {"queue": 16, "augment": "none", "momentum": 0.9},
}


def blip_job(folder: Path, objective: str, under: str = "train/0", *, root: str | None = None, **plan: Any) -> Job:
    """12 steps of 8 images, as `job`; `options` are added to those above."""
    arch = folder / "blip.json"
    if not arch.exists():
        arch.write_text(json.dumps(BLIP))
    options = tuple({**OPTIONS[objective], **plan.pop("options", {})}.items())
    given = {"arch": str(arch), "objective": objective, "options": options, "lr": 3e-3, "weight_decay": 0.05, **plan}
    return job(folder, under, root=root, **given)
