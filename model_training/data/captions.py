"""Which of an image's texts a visit is trained with. Holds no torch: a plan carries it.

An image of a captioned dataset has its web text and synthetic ones; how much of each is best is a question of the
data (BLIP, arXiv 2201.12086; LaCLIP, arXiv 2305.20088, draws uniformly; "Improving Multimodal Datasets with Image
Captioning", arXiv 2307.10350, mixes by origin).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from curate.uid import draw, draw_int

Draw = Literal["uniform", "first", "origin", "score"]
ORIGINS = ("web", "synthetic")


@dataclass(frozen=True)
class Caption:
    """A text of an image, and what is known of it."""

    text: str
    origin: str | None = None  # "web" or "synthetic", where the shard tells
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Captions:
    """How one text is drawn, anew at every visit.

    uniform   each as likely as any other
    first     always the first, which is the best of our own datasets
    origin    first the origin, by `shares` among the origins that the image has texts of; then one of them, uniformly
    score     in proportion to the named score; what is missing, negative or not finite counts 0

    Where every weight of an image's texts is 0 the draw is uniform. Raises ValueError for what no text can match.
    """

    draw: Draw = "uniform"
    shares: tuple[tuple[str, float], ...] = ()  # of `origin`: ("web", 0.5), ("synthetic", 0.5)
    score: str | None = None  # of `score`: its column

    def __post_init__(self) -> None:
        if self.draw not in ("uniform", "first", "origin", "score"):
            raise ValueError(f"captions are drawn uniform, first, origin or score; not {self.draw!r}")
        if (self.draw == "origin") != bool(self.shares):
            raise ValueError("captions are drawn by origin with `shares`, and `shares` are of no other draw")
        if (self.draw == "score") != (self.score is not None):
            raise ValueError("captions are drawn by score with a `score`, and a `score` is of no other draw")
        if any(not share >= 0 or math.isinf(share) for _, share in self.shares):
            raise ValueError(f"shares of captions are numbers from 0 up; not {dict(self.shares)}")
        if unknown := sorted({origin for origin, _ in self.shares} - set(ORIGINS)):
            raise ValueError(f"captions are of origin {' or '.join(ORIGINS)}; `shares` has {unknown[0]!r}")
        if self.shares and not any(share for _, share in self.shares):
            raise ValueError("shares of captions are all 0: one of them must be more")

    def lacking(self, texts: Iterable[Caption]) -> str | None:
        """What none of the texts has that they are drawn by, with what they have; None where one of them has it."""
        known = list(texts)
        if self.draw == "origin" and not any(text.origin in ORIGINS for text in known):
            return f"an origin ({' or '.join(ORIGINS)})"
        if self.score is not None and not any(self.score in text.scores for text in known):
            there = sorted({name for text in known for name in text.scores})
            return f"a score {self.score!r} (there are {', '.join(there) if there else 'none'})"
        return None

    def of(self, texts: Sequence[Caption], seed: int, name: str) -> str:
        """The text of the visit `name`, among one or more."""
        if len(texts) == 1 or self.draw == "first":
            return texts[0].text
        among = texts
        if self.draw == "origin":
            shares, origins = dict(self.shares), list(dict.fromkeys(text.origin for text in texts))
            drawn = _weighted([shares.get(origin or "", 0.0) for origin in origins], draw(seed, name, "origin"))
            among = texts if drawn is None else [text for text in texts if text.origin == origins[drawn]]
        elif self.score is not None:
            drawn = _weighted([_weight(text.scores.get(self.score)) for text in texts], draw(seed, name, "score"))
            among = texts if drawn is None else [texts[drawn]]
        return among[draw_int(seed, name, "text") % len(among)].text


def _weight(score: float | None) -> float:
    return score if score is not None and 0 < score < math.inf else 0.0


def _weighted(weights: Sequence[float], at: float) -> int | None:
    """The index whose part of the weights, laid end to end, holds `at` in [0, 1); None where all are 0."""
    total = sum(weights)
    if total == 0:
        return None
    reached, last = 0.0, 0
    for i, weight in enumerate(weights):
        if weight > 0:
            reached, last = reached + weight, i
            if at * total < reached:
                break
    return last
