"""A library's own image transform, cut in two: Pillow's part for each image, the arithmetic for a whole batch.

The numbers are those of the whole transform to the last bit; batches of bytes are a quarter of the floats' size, on
their way to a GPU too.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

from model_training.libraries import torch

ENDS = (["ToTensor", "Normalize"], ["MaybeToTensor", "Normalize"])


class Preprocessing:
    """Of a torchvision `Compose`. One that does not end with ToTensor and Normalize is left whole."""

    def __init__(self, transform: Any) -> None:
        steps = list(transform.transforms)
        self._whole = [type(step).__name__ for step in steps[-2:]] not in ENDS
        self._steps = steps if self._whole else steps[:-2]
        if not self._whole:
            mean, std = (torch.as_tensor(each, dtype=torch.float32) for each in (steps[-1].mean, steps[-1].std))
            self._mean, self._std = mean.view(-1, 1, 1), std.view(-1, 1, 1)

    def gather(self, images: Sequence[Image]) -> Any:
        """One tensor of all images: uint8 (n, height, width, 3), or what the whole transform makes of them."""
        made = [self._made(image) for image in images]
        return torch.stack(made) if self._whole else torch.from_numpy(np.stack(made))

    def _made(self, image: Any) -> Any:
        for step in self._steps:
            image = step(image)
        return image if self._whole else np.asarray(image)

    def pixels(self, batch: Any) -> Any:
        """What a model sees: float32 (n, 3, height, width), on the batch's device."""
        if self._whole:
            return batch
        self._mean, self._std = self._mean.to(batch.device), self._std.to(batch.device)
        scaled = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        return scaled.sub_(self._mean).div_(self._std)
