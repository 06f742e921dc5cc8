"""Batches of images whose rows know their number, for a forward pass that needs more of an item than its pixels."""

from collections.abc import Callable, Sequence
from typing import Any

from PIL.Image import Image

from model_training.models.fixed_batches import FixedBatches
from model_training.models.preprocessing import Preprocessing

NUMBER = 8  # bytes behind a row's pixels


def run_numbered(
    batches: FixedBatches,
    images: Sequence[Image],
    pixels: Preprocessing,
    forward: Callable[[Any, Any], Any],
    width: int,
) -> Any:
    """As `FixedBatches.run`, float32 (n, width) of `forward(pixels (size, 3, H, W) float32, numbers (size,) int64)`.

    A row's number is its place in `images`; a row that only fills the batch has number 0.
    """
    from model_training import libraries

    torch, shapes = libraries.torch, {}

    def gather(items: Sequence[tuple[int, Image]]) -> Any:
        made = pixels.gather([image for _, image in items])
        shapes["row"] = (made.dtype, made.shape[1:])
        numbers = torch.tensor([number for number, _ in items])
        return torch.cat([one.reshape(len(items), -1).contiguous().view(torch.uint8) for one in (made, numbers)], 1)

    def split(batch: Any) -> Any:
        dtype, shape = shapes["row"]
        row = batch[:, :-NUMBER].contiguous().view(dtype).reshape(len(batch), *shape)
        return forward(pixels.pixels(row), batch[:, -NUMBER:].contiguous().view(torch.int64)[:, 0])

    return batches.run(list(enumerate(images)), split, width, gather)
