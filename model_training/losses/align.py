"""ALIGN's loss (arXiv 2102.05918, section 4.1): CLIP's two directions, summed, with smoothed labels.

The sum and not the mean, so it is twice CLIP's where the labels are not smoothed; and logits are divided by a
temperature, where CLIP multiplies by its inverse.
"""

from typing import Any

from model_training.losses.clip import cosines, directions

LABEL_SMOOTHING = 0.1
TEMPERATURE = 1.0  # at the start; learned, and ends near 1/64


def align_loss(images: Any, texts: Any, temperature: Any, *, label_smoothing: float = LABEL_SMOOTHING) -> Any:
    """A scalar, float32 or wider.

    images, texts   (pairs, d) float, L2-normalised, pair by pair
    temperature     a scalar or (), above 0

    The smoothing is spread over all texts, the right one included, as torch's `label_smoothing`. It makes very sharp
    logits costly: 0.1 / 2 times each logit's distance from the right one, whatever the prediction.
    """
    logits = cosines(images, texts) / temperature
    to_text, to_image = directions(logits, logits.T, label_smoothing=label_smoothing)
    return to_text + to_image
