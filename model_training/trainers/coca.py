"""CoCa (arXiv 2205.01917): a contrastive loss of two towers, and a captioning loss of a decoder on top of both."""

from typing import Any

from model_training.libraries import torch
from model_training.losses.coca import caption_sums, coca_loss
from model_training.trainers.clip import Clip
from model_training.trainers.contrastive_options import CocaOptions
from model_training.trainers.gather import gathered
from model_training.trainers.objective import Inputs
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan


class Coca(Clip):
    """open_clip's CoCa. The rate goes up and down linearly; the paper's optimizer is Adafactor, decay .01."""

    SCHEDULE = "linear"
    DECODES = True

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.weighed = options_of(CocaOptions, plan)
        self._parts: dict[str, Any] = {}

    def initialise(self) -> None:
        """open_clip 3.3 leaves the decoder's projection as the memory was: as the text tower's instead."""
        projection = self.model.text_decoder.text_projection
        torch.nn.init.normal_(projection, std=projection.shape[0] ** -0.5)

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """Image and text features (rows, d), of length 1; per caption the sum over its tokens and their number."""
        out = self.model(self.pixels(inputs.views[0]), inputs.tokens)
        losses, counts = caption_sums(out["logits"], out["labels"], pad=self.model.pad_id)
        return out["image_features"], out["text_features"], losses, counts

    def loss(self, *encoded: Any) -> Any:
        """The captioning loss is the mean over the tokens of all workers."""
        images, texts, losses, counts = encoded
        contrastive = super().loss(images, texts)
        caption = gathered(losses).sum() / gathered(counts).sum().clamp(min=1)
        self._parts = {"contrastive_loss": contrastive.detach(), "caption_loss": caption.detach()}
        weighed = self.weighed
        return coca_loss(
            contrastive,
            caption,
            contrastive_weight=weighed.contrastive_weight,
            caption_weight=weighed.caption_weight,
        )

    def numbers(self) -> dict[str, float]:
        return {**super().numbers(), **{name: float(part) for name, part in self._parts.items()}}
