"""How a captioner writes: what the recipe says of it. Holds no torch.

The defaults are BLIP's for its synthetic captions (arXiv 2201.12086, section 4.2; salesforce/BLIP models/blip.py:128).
"""

from dataclasses import dataclass, replace
from typing import Literal

from curate.errors import InputError

Method = Literal["nucleus", "greedy", "beam"]
PROMPT = "a picture of "
LONGEST = 30  # tokens, unless more or less are asked for


@dataclass(frozen=True)
class Generation:
    """Lengths are in tokens, the start token and the prompt among them, as in transformers. `min_length` counts the
    tokens before the end token; `max_length` is the room for all, where the end token takes a place too.

    A model fixes them by `fitted` before it writes. `repetition_penalty` None is BLIP's: 1.1 when sampling, else 1.
    `seed` bears on nucleus sampling alone.
    """

    method: Method = "nucleus"
    prompt: str = PROMPT
    top_p: float = 0.9
    min_length: int = 10
    max_length: int | None = None  # none: 30, or as many as the model has places for
    repetition_penalty: float | None = None
    beams: int = 3
    seed: int = 0

    @property
    def length(self) -> int:
        return LONGEST if self.max_length is None else self.max_length

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
        return (self.method, self.prompt, self.min_length, self.length, self.penalty, *own[self.method])


def fitted(settings: Generation, prompt: int, places: int, name: str) -> Generation:
    """The settings with a `max_length` that a model of so many places has, and a `min_length` below it.

    Raises InputError where a `max_length` that was said leaves no room after the prompt, or is more than the places.
    """
    length = min(LONGEST, places) if settings.max_length is None else settings.max_length
    if not prompt < length <= places:
        raise InputError(
            f"model {name!r}: max_length {length}, with a prompt of {prompt} tokens and {places} places",
            f"set max_length between {prompt + 1} and {places}",
        )
    return replace(settings, max_length=length, min_length=min(settings.min_length, length - 1))
