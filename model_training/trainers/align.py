"""ALIGN (arXiv 2102.05918): two cross-entropies, summed, with smoothed labels, and a temperature learned from 1."""

from typing import Any, ClassVar

from model_training.losses.align import align_loss
from model_training.trainers.contrastive import Contrastive
from model_training.trainers.contrastive_options import AlignOptions
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan


class Align(Contrastive):
    """What is learned is the logarithm of the inverse temperature, open_clip's `logit_scale`, from 0.

    The paper names no bounds for it. Its rate goes up and down linearly; its optimizer is LAMB, decay 1e-5.
    """

    INITIAL: ClassVar[dict[str, Any]] = {"init_logit_scale": 0.0}
    BOUNDS = None
    SCHEDULE = "linear"

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.label_smoothing = options_of(AlignOptions, plan).label_smoothing

    def contrast(self, images: Any, texts: Any) -> Any:
        temperature = (-self.model.logit_scale).exp()
        return align_loss(images, texts, temperature, label_smoothing=self.label_smoothing)
