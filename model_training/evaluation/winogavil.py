"""WinoGAViL (Bitton et al., arXiv 2207.12576): which of some images does a cue go with? Scored by the Jaccard index
of the images chosen and the images meant, as DataComp does (mlfoundations/datacomp, eval_utils/wino_eval.py).
"""

from collections.abc import Sequence

import numpy as np

from curate.errors import InputError
from model_training.evaluation.hits import Metric

MANY = 10  # DataComp reports the items of 10 to 12 candidates; there are 5, 6, 10 and 12


def prompt(cue: str) -> str:
    """ "A cue" or, before a vowel letter, "An cue"; the cue in lower case."""
    lower = cue.strip().lower()
    if not lower:
        raise InputError("a cue is blank", "leave the item out of the set")
    return f"{'An' if lower[0] in 'aeiou' else 'A'} {lower}"


def jaccard(similarity: np.ndarray, meant: np.ndarray) -> float:
    """|chosen and meant| / |chosen or meant|, where as many are chosen as are meant: (candidates,) float and bool.

    Of equally similar candidates the lower number is chosen first. Raises InputError where none is meant.
    """
    count = int(np.asarray(meant, bool).sum())
    if not count or similarity.shape != meant.shape or not np.isfinite(similarity).all():
        raise InputError("an item has no association, or similarities that are not finite", "check the set and model")
    chosen = np.zeros(len(meant), bool)
    chosen[np.argsort(-similarity, kind="stable")[:count]] = True
    return float((chosen & meant).sum() / (chosen | meant).sum())


def winogavil(similarities: Sequence[np.ndarray], meant: Sequence[np.ndarray]) -> list[Metric]:
    """jaccard, and jaccard_10_to_12 (DataComp's main metric) where items have 10 candidates or more."""
    scores = np.array([jaccard(s, m) for s, m in zip(similarities, meant, strict=True)], np.float32)
    if not len(scores):
        raise InputError("the set has no item", "name a file with items")
    many = scores[[len(m) >= MANY for m in meant]]
    found = [Metric("jaccard", float(scores.mean(dtype=np.float64)), len(scores), scores)]
    if len(many):
        found.append(Metric("jaccard_10_to_12", float(many.mean(dtype=np.float64)), len(many), many))
    return found
