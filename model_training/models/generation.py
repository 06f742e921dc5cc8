"""How a captioner writes: what the recipe says of it. Holds no torch.

The defaults are BLIP's for its synthetic captions (arXiv 2201.12086, section 4.2; salesforce/BLIP models/blip.py:128).
"""

from dataclasses import dataclass
from typing import Literal

from curate.errors import InputError

Method = Literal["nucleus", "greedy", "beam"]
PROMPT = "a picture of "


@dataclass(frozen=True)
class Generation:
    """Lengths are in tokens, the start token and the prompt among them, the end token not, as in transformers.

    `repetition_penalty` None is BLIP's: 1.1 when sampling, else 1. `seed` bears on nucleus sampling alone.
    """

    method: Method = "nucleus"
    prompt: str = PROMPT
    top_p: float = 0.9
    min_length: int = 10
    max_length: int = 30
    repetition_penalty: float | None = None
    beams: int = 3
    seed: int = 0

    @property
    def penalty(self) -> float:
        if self.repetition_penalty is not None:
            return self.repetition_penalty
        return 1.1 if self.method == "nucleus" else 1.0

    @property
    def branches(self) -> int:
        """Texts that are written at once for one image."""
        return self.beams if self.method == "beam" else 1

    def identity(self) -> tuple[object, ...]:
        """What bears on a caption; settings of another method do not."""
        own: dict[Method, tuple[object, ...]] = {
            "nucleus": (self.top_p, self.seed),
            "greedy": (),
            "beam": (self.beams,),
        }
        return (self.method, self.prompt, self.min_length, self.max_length, self.penalty, *own[self.method])


def checked_length(settings: Generation, prompt: int, places: int, name: str) -> None:
    """Raises InputError where `max_length` leaves no room after the prompt, or the model has fewer places."""
    if not prompt < settings.max_length <= places:
        raise InputError(
            f"model {name!r}: max_length {settings.max_length}, with a prompt of {prompt} tokens and {places} places",
            f"set max_length between {prompt + 1} and {places}",
        )
