"""BLIP's language modelling: say the caption, given the image (arXiv 2201.12086, section 3.2).

Settings that the paper leaves out are of salesforce/BLIP: models/blip_pretrain.py:198-211, models/med.py:914.
"""

from model_training.libraries import torch
from model_training.losses.token_cross_entropy import token_cross_entropy

SMOOTHING = 0.1


def with_first_token(tokens: torch.Tensor, first: int) -> torch.Tensor:
    """A copy of tokens (B, T) whose first column is `first`: the decode token here, the encode token in matching."""
    changed = tokens.clone()
    changed[:, 0] = first
    return changed


def lm_sums(
    logits: torch.Tensor, tokens: torch.Tensor, *, pad: int, prompt: int = 0, smoothing: float = SMOOTHING
) -> tuple[torch.Tensor, torch.Tensor]:
    """Per caption the sum that `lm_loss` is a mean of, (B,) float32 or wider, and of how many tokens, (B,) int64.

    The mean over several workers' captions is that of all sums over all numbers.
    """
    first = max(1, prompt)
    targets = tokens[:, first:]
    wide = logits[:, first - 1 : -1].to(torch.promote_types(logits.dtype, torch.float32))
    losses = torch.nn.functional.cross_entropy(
        wide.reshape(-1, logits.shape[-1]),
        targets.reshape(-1),
        ignore_index=pad,
        label_smoothing=smoothing,
        reduction="none",
    )
    return losses.view(targets.shape).sum(1), (targets != pad).sum(1)


def lm_loss(
    logits: torch.Tensor,
    tokens: torch.Tensor,
    *,
    pad: int,
    prompt: int = 0,
    smoothing: float = SMOOTHING,
    count: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """The mean over predicted tokens, a scalar.

    logits (B, T, V) floating, tokens (B, T) int64, the decoder's own input: the logits of place t answer for token
    t + 1, so the first token is never asked for, nor the last place's logits read. Padding is left out, and so are
    the first `prompt` tokens (fine-tuning's "a picture of ", with the first token counted). `pad` must not be the
    end token, which has to be learned. `count` as in `token_cross_entropy`.
    """
    first = max(1, prompt)
    return token_cross_entropy(logits[:, first - 1 : -1], tokens[:, first:], pad=pad, smoothing=smoothing, count=count)
