"""CLIP as an objective: open_clip's model and its contrastive loss (arXiv 2103.00020)."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from curate.errors import InputError
from curate.uid import draw_int
from model_training.libraries import torch
from model_training.models.open_clip import register
from model_training.trainers.plan import Plan

import open_clip  # isort: skip  (after libraries, which mends torchvision)

MAX_LOGIT_SCALE = math.log(100)


class Clip:
    """Says what a step of CLIP is: the model, the loss of a batch and what follows an update.

    `model` has open_clip's initial weights, drawn by the seed. Raises InputError for an architecture that is
    unknown, cannot be built, or sees images otherwise than data/pixels.py makes them.
    """

    def __init__(self, plan: Plan, seed: int, device: Any, rank: int = 0, workers: int = 1) -> None:
        arch = register(open_clip, plan.arch)
        torch.manual_seed(draw_int(seed, "", "init"))
        try:
            # Never a download: neither whole weights nor a tower's.
            self.model: Any = open_clip.create_model(
                arch, load_weights=False, pretrained_image=False, pretrained_text=False, output_dict=True
            ).to(device)
        except (RuntimeError, ValueError, OSError, KeyError, TypeError, AssertionError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"{plan.arch}: cannot be built: {reason}", "correct train.model") from error
        seen = open_clip.get_model_preprocess_cfg(self.model)
        self.side = _side(plan.arch, seen)
        self.tokenize: Callable[[list[str]], Any] = open_clip.get_tokenizer(arch)
        self._mean = torch.tensor(seen["mean"], device=device).view(3, 1, 1)
        self._std = torch.tensor(seen["std"], device=device).view(3, 1, 1)
        self._device = device
        # With gradients through the gathering, every worker's loss is that of the whole batch.
        self._loss = open_clip.ClipLoss(local_loss=False, gather_with_grad=True, rank=rank, world_size=workers)

    def loss(self, forward: Callable[..., Any], images: np.ndarray, tokens: np.ndarray) -> Any:
        """A scalar. `forward` is the model, perhaps wrapped; images (rows, side, side, 3) uint8, tokens int64."""
        out = forward(self.pixels(images), torch.from_numpy(tokens).to(self._device))
        named = ("image_features", "text_features", "logit_scale", "logit_bias")
        return self._loss(**{name: out[name] for name in named if name in out})

    def pixels(self, images: np.ndarray) -> Any:
        """(rows, 3, side, side) float32, as open_clip's ToTensor and Normalize make them."""
        scaled = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2).float().div_(255)
        return scaled.sub_(self._mean).div_(self._std)

    def after_update(self) -> None:
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, MAX_LOGIT_SCALE)

    def numbers(self) -> dict[str, float]:
        """What the log says of the model."""
        return {"logit_scale": float(self.model.logit_scale.detach().exp())}


def _side(arch: str, seen: dict[str, Any]) -> int:
    size = seen["size"]
    height, width = size if isinstance(size, tuple | list) else (size, size)
    if height != width or seen.get("resize_mode") != "shortest" or seen.get("interpolation") != "bicubic":
        raise InputError(
            f"{arch} wants images of {width}x{height}, {seen.get('resize_mode')}, {seen.get('interpolation')}",
            "train a model of square images, resized by the shorter side, bicubic",
        )
    return int(height)
