"""CLIP (arXiv 2103.00020, section 2.3): the mean of two cross-entropies, who belongs to whom in the batch."""

from typing import Any

from model_training.trainers.contrastive import Contrastive

import open_clip  # isort: skip  (after libraries, which mends torchvision)


class Clip(Contrastive):
    """By open_clip's own loss."""

    def contrast(self, images: Any, texts: Any) -> Any:
        model = self.model
        return open_clip.ClipLoss()(images, texts, model.logit_scale.exp(), getattr(model, "logit_bias", None))
