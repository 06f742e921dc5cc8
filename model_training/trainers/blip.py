"""BLIP's pre-training (arXiv 2201.12086, section 3.2): contrast, matching and captioning, L = ITC + ITM + LM."""

from typing import Any

from model_training.losses.blip_itm import pretraining_weights
from model_training.trainers.blip_contrast import BlipContrast, first_of, mean_of_workers, negatives
from model_training.trainers.blip_options import BlipOptions
from model_training.trainers.objective import Inputs
from model_training.trainers.schedule import blip_learning_rate


class Blip(BlipContrast):
    """Encoder and decoder share all weights but self-attention. Negatives are drawn among all workers' rows.

    In parts (`accumulate`), contrast and captioning are encoded in parts; matching is of the whole batch at once.
    """

    OPTIONS = BlipOptions

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """The images' states, `compared`, per caption its sum and number of tokens, and the tokens."""
        states = self.states(inputs)
        sums, counts = self.said_of(inputs.tokens, states)
        return states, *self.compared(inputs, states), sums, counts, inputs.tokens

    def loss(self, *encoded: Any) -> Any:
        states, images, texts, images_m, texts_m, points, sums, counts, tokens = encoded
        contrast = self.contrast(images, texts, images_m, texts_m)
        first = first_of(states)
        of_images = pretraining_weights(contrast.text_to_image, first)
        of_texts = pretraining_weights(contrast.image_to_text, first)
        matching = self.matching(states, tokens, *negatives(of_images, of_texts, points))
        return mean_of_workers(contrast.loss + matching) + self.mean_of_tokens(sums, counts)

    def rates(self, step: int) -> tuple[float, float]:
        """Up from `lr_start` in `warmup` steps, in a line; times `lr_decay` every epoch."""
        plan, said = self.plan, self.said
        if plan.schedule != "published":
            return super().rates(step)
        rate = blip_learning_rate(int(step / self.epoch), base=plan.lr, decay=said.lr_decay, end=said.lr_end)
        if step < plan.warmup:
            rate = min(rate, said.lr_start + (plan.lr - said.lr_start) * step / plan.warmup)
        return rate, plan.weight_decay
