"""What an encoder says of an evaluation set: unit vectors, checked to be numbers, and their cosines."""

from collections.abc import Iterable, Sequence

import numpy as np

from curate.errors import InputError
from curate.protocols import ImageEncoder, ImageTextEncoder
from model_training.evaluation.items import Item, batches


def unit(vectors: np.ndarray, place: str) -> np.ndarray:
    """Rows at length 1: (n, dim) float to (n, dim) float32.

    Raises InputError for a row without direction (NaN, infinite or zero): comparisons with NaN are all false, so a
    model that diverged could otherwise be given any score.
    """
    exact = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(exact, axis=-1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise InputError(
            f"{place}: the model gives vectors that are not finite or are zero",
            "its weights are damaged or its training diverged: look at the loss, or take an earlier checkpoint",
        )
    return (exact / norms).astype(np.float32)


def image_vectors(encoder: ImageEncoder, items: Sequence[Item]) -> np.ndarray:
    """(items, dim) float32, unit. All images are decoded at once: ask for a batch at a time."""
    return unit(encoder.encode_images([item.rgb() for item in items]), f"{items[0].key} and those after it")


def all_image_vectors(encoder: ImageEncoder, items: Iterable[Item], batch: int) -> np.ndarray:
    """(items, dim) float32, unit; `batch` images are decoded and encoded at a time."""
    return np.concatenate([image_vectors(encoder, part) for part in batches(items, batch)])


def text_vectors(encoder: ImageTextEncoder, texts: Sequence[str], batch: int) -> np.ndarray:
    """(texts, dim) float32, unit; `batch` texts are encoded in a call."""
    parts = [
        unit(encoder.encode_texts(texts[start : start + batch]), f"text {texts[start]!r} and those after it")
        for start in range(0, len(texts), batch)
    ]
    return np.concatenate(parts)


def cosines(queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """(queries, dim) and (candidates, dim), unit, to (queries, candidates) float32.

    Summed in float64 and then rounded, so that two equal vectors tie exactly: a float32 product depends in its
    last bits on where in a block a vector lies, and a tie would be decided by that. Candidates that are asked block
    after block are best given as float64: they are not copied.
    """
    exact = candidates.astype(np.float64, copy=False)
    return (queries.astype(np.float64, copy=False) @ exact.T).astype(np.float32)
