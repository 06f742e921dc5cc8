"""The rank of a candidate among all: the one thing under top-k accuracy and under recall at k."""

import numpy as np

from curate.errors import InputError


def rank_of(similarity: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    """How many candidates stand before each query's own: 0 for the first.

    similarity   (queries, candidates) float, finite; raises InputError otherwise
    candidate    (queries,) int: the number of the query's own candidate
    Returns      (queries,) int64

    Before it stand the more similar ones and, of the equally similar ones, those with a lower number (the rule of
    open_clip's src/open_clip_train/metrics.py). So a model that finds everything equal is right for candidate 0
    only, not for all.
    """
    if not np.isfinite(similarity).all():
        raise InputError("similarities that are not finite cannot be ranked", "check the model's weights")
    own = np.take_along_axis(similarity, candidate[:, None], axis=1)
    lower = np.arange(similarity.shape[1])[None, :] < candidate[:, None]
    return ((similarity > own) | ((similarity == own) & lower)).sum(axis=1)
