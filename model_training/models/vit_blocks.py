"""The last blocks of a timm vision transformer, as DINOv2's linear evaluation reads them (dinov2/eval/linear.py)."""

import inspect
from typing import Any

from model_training.libraries import torch


def blocks_of(model: Any) -> int:
    """How many blocks with a [CLS] token it has; 0 for a model of another kind."""
    shown = getattr(model, "forward_intermediates", None)
    if shown is None or "return_prefix_tokens" not in inspect.signature(shown).parameters:
        return 0  # XCiT's and CaiT's [CLS] comes in after the blocks
    has_cls = getattr(model, "num_prefix_tokens", 0) and getattr(model, "cls_token", None) is not None
    return len(getattr(model, "blocks", ())) if has_cls else 0


def last_blocks(model: Any, pixels: Any, blocks: int) -> Any:
    """(n, (blocks + 1) * dim) float: the [CLS] tokens of the last blocks after the final norm, the last block last,
    and then the mean of the last block's patch tokens.

    pixels (n, 3, side, side) float; the model has `blocks_of` >= blocks.
    """
    found = model.forward_intermediates(
        pixels, indices=blocks, norm=True, return_prefix_tokens=True, output_fmt="NLC", intermediates_only=True
    )
    return torch.cat([*(prefix[:, 0] for _, prefix in found), found[-1][0].mean(dim=1)], dim=1)
