"""What DINOv2's linear heads read of a vision transformer, where a model tells it."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.evaluation.dinov2_linear import INPUTS, Input
from model_training.evaluation.items import Item, batches

DEEPEST = max(given.blocks for given in INPUTS)


class BlockEncoder(Protocol):
    """A vision transformer that shows its last blocks."""

    blocks: int  # that it can show

    def encode_blocks(self, images: Sequence[Image], blocks: int) -> tuple[np.ndarray, np.ndarray]:
        """[CLS] tokens of the last `blocks` blocks after the final norm, the last block last: (n, blocks, dim); and
        the mean of the last block's patch tokens after it: (n, dim). Both float32, of any length.
        """
        ...


def shows_blocks(model: Any) -> bool:
    return int(getattr(model, "blocks", 0)) >= DEEPEST


def block_features(model: BlockEncoder, items: Iterable[Item], batch: int) -> dict[Input, np.ndarray]:
    """The four inputs of DINOv2's heads, each (items, its width) float32. Raises InputError for what is not finite."""
    tokens, means = [], []
    for part in batches(items, batch):
        cls, mean = model.encode_blocks([item.rgb() for item in part], DEEPEST)
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
