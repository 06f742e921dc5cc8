"""MaMMUT's focal contrastive loss (arXiv 2303.16839, section 3.1): SigLIP without a bias, easy cells counted less.

    logits = U V' / tau,   p = sigmoid(logits) of a pair and 1 - sigmoid(logits) of any other cell,
    loss = -(1/B) sum (1 - p)**gamma ln p

As in the authors' code, pairs and others weigh the same. Both directions sum the same cells, so their mean is one.
"""

from typing import Any

from model_training.libraries import torch
from model_training.losses.clip import cosines

GAMMA = 1.0


def focal_contrastive_loss(images: Any, texts: Any, temperature: Any, *, gamma: float = GAMMA) -> Any:
    """A scalar, float32 or wider.

    images, texts   (pairs, d) float, L2-normalised, pair by pair
    temperature     a scalar or (), above 0
    gamma           0 or more; 0 is SigLIP with b = 0

    1 - p is sigmoid of the negated logit and its power is taken of the logarithm: computed by subtracting, 1 - p is 0
    for a sure answer, and the gradient of 0**gamma below 1 is infinite.
    """
    cells = cosines(images, texts) / temperature
    right = (2 * torch.eye(len(cells), dtype=cells.dtype, device=cells.device) - 1) * cells
    log = torch.nn.functional.logsigmoid
    return -(torch.exp(gamma * log(-right)) * log(right)).sum() / len(cells)
