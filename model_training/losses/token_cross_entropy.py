"""Cross-entropy over the tokens of captions, padding left out."""

from model_training.libraries import torch

F = torch.nn.functional


def token_cross_entropy(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    pad: int,
    smoothing: float = 0.0,
    count: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """The mean over the targets that are not `pad`, a scalar of float32 (of float64 for such logits).

    logits (..., V) floating, targets (...) int64: each place's own answer, so already moved by one. With
    `smoothing` e the answer has probability 1 - e + e / V and every other token e / V (arXiv 1512.00567).
    `count` is what the sum is divided by, the number of targets by default: with several workers, whose captions
    differ in length, give the whole batch's number over the number of workers, or the mean of their losses is not
    the whole batch's.

    A batch that is all padding gives 0 with zero gradients; torch's own mean gives NaN.
    """
    # Sums over a vocabulary are not for 16 bits.
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    flat = targets.reshape(-1)
    total = F.cross_entropy(
        wide.reshape(-1, logits.shape[-1]), flat, ignore_index=pad, label_smoothing=smoothing, reduction="sum"
    )
    if count is None:
        count = (flat != pad).sum().clamp(min=1)
    return total / count
