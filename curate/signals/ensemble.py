"""Several encoders as one whose cosine is the mean of theirs (deep ensembles: Lakshminarayanan et al. 1612.01474)."""

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from curate.protocols import ImageTextEncoder


class Ensemble:
    """Unit vectors side by side, over the root of their number: the dot product of two is the mean cosine."""

    def __init__(self, encoders: Sequence[ImageTextEncoder]) -> None:
        self.encoders = encoders
        self.identity = ensemble_identity([encoder.identity for encoder in encoders])
        self.width = sum(encoder.width for encoder in encoders)

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        return self._joined([encoder.encode_images(images) for encoder in self.encoders])

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._joined([encoder.encode_texts(texts) for encoder in self.encoders])

    def _joined(self, vectors: list[np.ndarray]) -> np.ndarray:
        joined: np.ndarray = np.concatenate(vectors, axis=1) * np.float32(len(vectors) ** -0.5)
        return joined


def ensemble_identity(identities: Sequence[str]) -> str:
    """In their order, on which sums in float32 depend. That of one member alone is its own."""
    return identities[0] if len(identities) == 1 else hashlib.sha256("\n".join(identities).encode()).hexdigest()
