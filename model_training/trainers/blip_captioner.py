"""BLIP's captioner (arXiv 2201.12086, section 3.3): the decoder, fine-tuned to say the caption after a prompt."""

from typing import Any

from model_training.trainers.blip_objective import BlipObjective
from model_training.trainers.blip_options import BlipCaptionerOptions
from model_training.trainers.objective import Inputs


class BlipCaptioner(BlipObjective):
    """The loss is of the tokens after the prompt. What is written has no text encoder."""

    OPTIONS = BlipCaptionerOptions
    WITHOUT = "text_encoder"

    def tokens_of(self, texts: list[str]) -> Any:
        return super().tokens_of([self.said.prompt + text for text in texts])

    @property
    def prompt(self) -> int:
        """Tokens, the first one among them."""
        return len(self.model.tokens.prompt(self.said.prompt))

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """Per caption the sum of its tokens' cross-entropies and how many, (rows,) each."""
        return self.said_of(inputs.tokens, self.states(inputs), self.prompt)

    def loss(self, *encoded: Any) -> Any:
        return self.mean_of_tokens(*encoded)
