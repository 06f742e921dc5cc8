"""What a model must be able to do. Models come from `model_training`; the operators see only these."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL.Image import Image


class ImageTextEncoder(Protocol):
    """A CLIP-like pair of towers with a common space."""

    identity: str  # sha256 of what decides its values: architecture and weights
    width: int  # d

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        """RGB images to unit vectors, float32, shape (n, d). Does not depend on what else is in the call."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Texts to unit vectors, float32, shape (n, d)."""
        ...


class ImageEncoder(Protocol):
    """A DINOv2-like embedder."""

    identity: str
    width: int  # d

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        """RGB images to unit vectors, float32, shape (n, d)."""
        ...


class Captioner(Protocol):
    """Writes one caption per image."""

    identity: str  # sha256 of what decides a caption: architecture, weights, tokenizer, how it is drawn

    def caption(self, images: Sequence[Image], uids: Sequence[str]) -> list[str]:
        """RGB images to texts without their prompt. A draw is keyed by the uid, whatever else is in the call."""
        ...


class Matcher(Protocol):
    """The probability that a text describes an image (BLIP's ITM head)."""

    identity: str  # sha256 of what decides its values

    def match(self, images: Sequence[Image], texts: Sequence[str]) -> np.ndarray:
        """Of each image and the text in its place: shape (n,), float32, in [0, 1]."""
        ...
