"""CoCa: a contrastive and a captioning loss, added (arXiv 2205.01917, sections 3.2 and 4.1).

The contrastive one is open_clip.ClipLoss. The captioning one is open_clip.CoCaLoss's, except that a batch without
a word gives 0 and not NaN.
"""

from model_training.libraries import torch
from model_training.losses.token_cross_entropy import token_cross_entropy

CONTRASTIVE_WEIGHT = 1.0
CAPTION_WEIGHT = 2.0
PAD = 0  # open_clip's tokenizers


def caption_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, pad: int = PAD, count: torch.Tensor | float | None = None
) -> torch.Tensor:
    """The mean over tokens, not over captions: a scalar.

    logits (B, T, V) floating and labels (B, T) int64 as open_clip's CoCa gives them: the logits of places 0 to T - 1,
    the tokens 1 to T. A caption that is all padding adds nothing, neither to the sum nor to the number of tokens.
    `count` as in `token_cross_entropy`.
    """
    return token_cross_entropy(logits, labels, pad=pad, count=count)


def coca_loss(
    contrastive: torch.Tensor,
    caption: torch.Tensor,
    *,
    contrastive_weight: float = CONTRASTIVE_WEIGHT,
    caption_weight: float = CAPTION_WEIGHT,
) -> torch.Tensor:
    """The weighted sum of two scalars."""
    return contrastive_weight * contrastive + caption_weight * caption


def caption_sums(logits: torch.Tensor, labels: torch.Tensor, *, pad: int = PAD) -> tuple[torch.Tensor, torch.Tensor]:
    """Per caption the cross-entropy of its tokens, summed, and their number: (B,) of float32 or wider each.

    `caption_loss` is the sum of the one over the sum of the other, however the captions are shared by workers.
    """
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    losses = torch.nn.functional.cross_entropy(wide.transpose(1, 2), labels, ignore_index=pad, reduction="none")
    return losses.sum(1), (labels != pad).sum(1).to(wide.dtype)
