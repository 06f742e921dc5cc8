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
