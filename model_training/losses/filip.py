"""FILIP's token-wise similarity (arXiv 2111.07783, section 3.1), in the place of CLIP's cosines.

An image finds for each of its tokens the nearest token of a text, and the mean of these is their similarity; a text
does the same with an image. The two matrices differ, so each direction of the loss has its own. Padding is nobody's
nearest token and counts in no mean: a zero vector in its stead would beat every negative cosine.
"""

import math
from typing import Any

from model_training.libraries import torch
from model_training.losses.clip import directions, widened

KEPT_SHARE = 0.25  # of the tokens, before they are sent to other devices


def filip_loss(images: Any, texts: Any, real: Any, scale: Any) -> Any:
    """A scalar, float32 or wider: CLIP's loss on the similarities of `token_similarities`; arguments as there."""
    per_image, per_text = token_similarities(images, texts, real)
    to_text, to_image = directions(scale * per_image, scale * per_text)
    return (to_text + to_image) / 2


def token_similarities(images: Any, texts: Any, real: Any) -> tuple[Any, Any]:
    """(images, texts) as the images see it, (texts, images) as the texts see it.

    images   (images, n, d) float, every token L2-normalised
    texts    (texts, m, d) float, likewise
    real     (texts, m) bool, false for padding; a text of nothing but padding has similarity 0 with everything

    Makes images * n * texts * m cells: take fewer tokens first (`strongest_tokens`) where that is too many.
    """
    cells = torch.einsum("ind,tmd->itnm", widened(images), widened(texts))
    nearest_text = cells.masked_fill(~real[:, None, :], -math.inf).amax(3)
    per_image = torch.where(real.any(1), nearest_text.mean(2), 0)
    nearest_image = cells.amax(2).masked_fill(~real, 0)
    per_text = (nearest_image.sum(2) / real.sum(1).clamp(min=1)).T
    return per_image, per_text


def strongest_tokens(tokens: Any, real: Any, others: Any, others_real: Any, *, share: float = KEPT_SHARE) -> Any:
    """The tokens worth sending to other devices: (rows, kept, d), and (rows, kept) bool of those that are no padding.

    tokens, real          (rows, n, d) float and (rows, n) bool, of one kind (all real for images)
    others, others_real   (others, m, d) and (others, m), of the other kind on the same device

    Of every row, the ceil(share * n) whose nearest token anywhere in `others` is nearest. Padding is chosen last.
    """
    with torch.no_grad():
        every = widened(others)[others_real]
        nearest = (widened(tokens) @ every.T).amax(2).masked_fill(~real, -math.inf)
        chosen = nearest.topk(math.ceil(share * tokens.shape[1]), dim=1).indices
    return tokens.gather(1, chosen[:, :, None].expand(-1, -1, tokens.shape[2])), real.gather(1, chosen)
