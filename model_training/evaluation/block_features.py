"""What DINOv2's linear heads read of a vision transformer, where a model tells it."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.evaluation.dinov2_linear import INPUTS, Input
from model_training.evaluation.items import Item, batches
from model_training.libraries import torch


class BlockEncoder(Protocol):
    """A vision transformer that shows its last blocks."""

    def encode_blocks(self, images: Sequence[Image], blocks: int) -> tuple[np.ndarray, np.ndarray]:
        """[CLS] tokens of the last `blocks` blocks after the final norm, the last block last: (n, blocks, dim); and
        the mean of the last block's patch tokens after it: (n, dim). Both float32, of any length.
        """
        ...


def shows_blocks(model: Any) -> bool:
    return callable(getattr(model, "encode_blocks", None))


def block_features(model: BlockEncoder, items: Iterable[Item], batch: int) -> dict[Input, np.ndarray]:
    """The four inputs of DINOv2's heads, each (items, its width) float32. Raises InputError for what is not finite."""
    deepest = max(given.blocks for given in INPUTS)
    tokens, means = [], []
    for part in batches(items, batch):
        cls, mean = model.encode_blocks([item.rgb() for item in part], deepest)
        if not (np.isfinite(cls).all() and np.isfinite(mean).all()):
            raise InputError(f"{part[0].key} and those after it: the model's features are not finite", "see its loss")
        tokens.append(cls)
        means.append(mean)
    every, patches = np.concatenate(tokens), np.concatenate(means)
    return {
        given: np.concatenate(
            [every[:, -given.blocks :].reshape(len(every), -1), *([patches] if given.mean_patch else [])], axis=1
        )
        for given in INPUTS
    }


def last_blocks(model: Any, pixels: Any, blocks: int) -> Any:
    """What a timm vision transformer's `encode_blocks` is made of: (n, (blocks + 1) * dim), the [CLS] tokens of the
    last blocks and then the mean patch token. Raises InputError for a model without blocks or without [CLS]."""
    depth = len(getattr(model, "blocks", ()))
    if depth < blocks or not getattr(model, "num_prefix_tokens", 0) or getattr(model, "cls_token", None) is None:
        raise InputError(f"the last {blocks} blocks of {type(model).__name__} have no [CLS]", "take another `recipe`")
    found = model.forward_intermediates(
        pixels, indices=blocks, norm=True, return_prefix_tokens=True, output_fmt="NLC", intermediates_only=True
    )
    return torch.cat([*(prefix[:, 0] for _, prefix in found), found[-1][0].mean(dim=1)], dim=1)
