"""The signals that need no model: this tuple is the registry."""

from curate.signals import Signal
from curate.signals.caption_quality import CaptionQuality
from curate.signals.hashes import Hashes
from curate.signals.image_stats import ImageStats
from curate.signals.language import Language
from curate.signals.phash import PHash
from curate.signals.text_stats import TextStats

PLAIN: tuple[Signal, ...] = (ImageStats(), TextStats(), Language(), CaptionQuality(), PHash(), Hashes())


def plain_signal(family: str) -> Signal | None:
    """The signal of a family that needs no model."""
    return next((signal for signal in PLAIN if signal.family == family), None)
