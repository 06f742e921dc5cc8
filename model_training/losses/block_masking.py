"""Block-wise masks for masked-patch objectives (BEiT, arXiv 2106.08254), in DINOv2's proportions (arXiv 2304.07193)."""

import math

import numpy as np

from curate.uid import draw_int

SMALLEST = 4  # patches
ASPECT = (0.3, 1 / 0.3)  # height / width
TRIES = 10


def ratio_slices(masked: int, low: float = 0.1, high: float = 0.5) -> np.ndarray:
    """(masked + 1,) float64: the i-th masked crop's ratio is uniform between the i-th and the next of these."""
    return np.linspace(low, high, masked + 1)


def block_masks(
    crops: int,
    height: int,
    width: int,
    *,
    seed: int,
    step: int,
    share: float = 0.5,
    ratios: tuple[float, float] = (0.1, 0.5),
    among: range | None = None,
) -> np.ndarray:
    """(crops, height, width) bool, true where the student must not see the patch. The same seed and step, the same.

    `among`: of these crops alone, as they are when all are asked for (a worker's part of a batch).

    int(crops * share) of the crops are masked, which ones is drawn, and their ratios are stratified: one from each
    equal slice of `ratios`, so that every batch has about the same number of masked patches.
    """
    asked = range(crops) if among is None else among
    source = np.random.default_rng(draw_int(seed, str(step), "block mask"))
    masks = np.zeros((len(asked), height, width), bool)
    masked = int(crops * share)
    edges = ratio_slices(masked, *ratios)
    for i, crop in enumerate(source.permutation(crops)[:masked].tolist()):
        if crop in asked:
            own = np.random.default_rng(draw_int(seed, f"{step}/{crop}", "block mask"))
            ratio = own.uniform(edges[i], edges[i + 1])
            masks[crop - asked.start] = block_mask(height, width, int(height * width * ratio), own)
    return masks


def block_mask(height: int, width: int, patches: int, source: np.random.Generator) -> np.ndarray:
    """(height, width) bool: blocks added until `patches` are true. Never more; fewer once ten tries in a row fail."""
    mask = np.zeros((height, width), bool)
    left = patches
    while left > 0:
        added = _add_block(mask, left, source)
        if not added:
            break
        left -= added
    return mask


def _add_block(mask: np.ndarray, most: int, source: np.random.Generator) -> int:
    """Make one block true, of at most `most` patches that were not yet. Returns how many became so, 0 for no fit."""
    height, width = mask.shape
    for _ in range(TRIES):
        # With fewer than four left, the block is still about four, and fits where it overlaps an earlier one.
        area = source.uniform(min(SMALLEST, most), max(SMALLEST, most))
        aspect = math.exp(source.uniform(math.log(ASPECT[0]), math.log(ASPECT[1])))
        h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if h >= height or w >= width:
            continue
        top, left = source.integers(0, height - h + 1), source.integers(0, width - w + 1)
        block = mask[top : top + h, left : left + w]
        added = h * w - int(block.sum())
        if 0 < added <= most:
            block[:] = True
            return added
    return 0
