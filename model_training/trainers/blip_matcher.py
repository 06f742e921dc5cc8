"""BLIP's matcher (arXiv 2201.12086, section 3.3): the encoder, fine-tuned to contrast and matching, L = ITC + ITM."""

from typing import Any

from model_training.libraries import torch
from model_training.losses.blip_itm import retrieval_weights
from model_training.trainers.blip_contrast import BlipContrast, mean_of_workers, negatives
from model_training.trainers.blip_options import BlipMatcherOptions
from model_training.trainers.blip_views import Identified
from model_training.trainers.gather import gathered
from model_training.trainers.objective import Inputs
from model_training.trainers.plan import Plan


class BlipMatcher(BlipContrast):
    """All texts of an image are its positives, in the batch and in the queue, and none of them is its negative.

    What is written has no text decoder.
    """

    OPTIONS = BlipMatcherOptions
    WITHOUT = "text_decoder"

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.views = Identified(self.views)

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """The images' states, `compared`, the images' ids and the tokens."""
        states = self.states(inputs)
        return states, *self.compared(inputs, states), ids_of(inputs.views[1]), inputs.tokens

    def loss(self, *encoded: Any) -> Any:
        states, images, texts, images_m, texts_m, points, own, tokens = encoded
        ids = gathered(own)
        contrast = self.contrast(images, texts, images_m, texts_m, ids)
        matching = self.matching(states, tokens, *negatives(*self._weights(images, texts, own, ids), points))
        return mean_of_workers(contrast.loss + matching)

    @torch.no_grad()
    def _weights(self, images: Any, texts: Any, own: Any, ids: Any) -> tuple[Any, Any]:
        """Of images for each text and of texts for each image, (rows, all rows); by the learned encoders alone."""
        temperature = self.model.temperature
        everyones = gathered(images.float()), gathered(texts.float())
        to_images = texts.float() @ everyones[0].T / temperature
        to_texts = images.float() @ everyones[1].T / temperature
        return retrieval_weights(to_images, own, ids), retrieval_weights(to_texts, own, ids)


def ids_of(digests: Any) -> Any:
    """(rows, 2, 2, 3) uint8 to (rows,) int64 of 62 bits, from 0."""
    found = digests.flatten(1)[:, :8].long()
    found[:, 0] &= 63
    places = 256 ** torch.arange(7, -1, -1, device=digests.device)
    return (found * places).sum(1)
