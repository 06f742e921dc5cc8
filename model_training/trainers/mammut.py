"""MaMMUT's contrastive half (arXiv 2303.16839): SigLIP's questions without a bias, easy cells counted less.

The other half, captioning by the same text tower in a second, causal pass with cross-attention, needs a tower that
open_clip 3.3 does not have: this is the loss alone, on two towers. For a text tower that sees both ways, as the
paper's does in its contrastive pass, give the model's config `no_causal_mask`.
"""

from typing import Any

from model_training.losses.mammut import focal_contrastive_loss
from model_training.trainers.contrastive import Contrastive
from model_training.trainers.contrastive_options import MammutOptions
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan


class Mammut(Contrastive):
    """The temperature is learned, from CLIP's."""

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.gamma = options_of(MammutOptions, plan).gamma

    def contrast(self, images: Any, texts: Any) -> Any:
        return focal_contrastive_loss(images, texts, (-self.model.logit_scale).exp(), gamma=self.gamma)
