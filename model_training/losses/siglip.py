"""SigLIP's loss (arXiv 2303.15343, section 3.2 and algorithm 1): each cell of the batch is a yes-or-no question.

    logits = exp(t') U V' + b,   z = +1 on the diagonal and -1 elsewhere,   loss = -(1/B) sum ln sigmoid(z logits)

b is added: the equation displayed in section 3.2 has the other sign, algorithm 1 and the authors' code this one. The
sum is divided by the pairs B, not by the cells B * B. No cell needs another, so a batch can be taken block by block.
`open_clip.loss.SigLipLoss` is the same sum among real devices, and the tests hold the two equal.
"""

import math
from typing import Any

from model_training.libraries import torch
from model_training.losses.clip import cosines

LOGIT_SCALE = math.log(10)  # t' at the start (the first version of the paper says 10)
LOGIT_BIAS = -10.0  # b at the start: nearly every cell is a no


def siglip_loss(images: Any, texts: Any, scale: Any, bias: Any) -> Any:
    """A scalar, float32 or wider.

    images, texts   (pairs, d) float, L2-normalised, pair by pair
    scale           a scalar or (), exp(t') and not t'
    bias            a scalar or (), b
    """
    cells = cosines(images, texts)
    wanted = 2 * torch.eye(len(cells), dtype=cells.dtype, device=cells.device) - 1
    return _answers(wanted * (scale * cells + bias))


def siglip_foreign_loss(images: Any, texts: Any, scale: Any, bias: Any) -> Any:
    """A scalar: this device's images (rows, d) with another's texts (others, d). All no: its diagonal has no pairs."""
    return _answers(-(scale * cosines(images, texts) + bias))


def siglip_device_losses(images: Any, texts: Any, scale: Any, bias: Any, *, devices: int) -> list[Any]:
    """What each of `devices` adds up while the texts go round: scalars whose mean is `siglip_loss`.

    The pairs (pairs, d) are cut into equal parts, one a device; a part sees its own texts, then everybody else's, and
    never are more than (pairs / devices) ** 2 cells made at a time. Raises ValueError if the parts are not equal: the
    mean would weigh pairs of a small part more.
    """
    if devices < 1 or len(images) % devices:
        raise ValueError(f"{len(images)} pairs cannot be shared equally by {devices} devices")
    images, texts = images.chunk(devices), texts.chunk(devices)
    found = []
    for own in range(devices):
        total = siglip_loss(images[own], texts[own], scale, bias)
        for step in range(1, devices):
            total = total + siglip_foreign_loss(images[own], texts[(own - step) % devices], scale, bias)
        found.append(total)
    return found


def _answers(right: Any) -> Any:
    """(rows, columns) logits of the right answer."""
    return -torch.nn.functional.logsigmoid(right).sum() / len(right)
