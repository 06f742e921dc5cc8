"""CIDEr-D (Vedantam et al., arXiv 1411.5726, section 4), which COCO's caption evaluation prints as "CIDEr"
(tylin/coco-caption, cider_scorer.py).

For n = 1..4 a sentence is a vector of n-gram counts times ln N - ln max(1, df): N images, of which df have the n-gram
in a reference. Similarity is sum(min(h, r) * r) / (|h| |r|), times a Gaussian of the difference in length, sigma 6.

What surprises: the counts are not divided by the sentence's length; length is the number of bigrams; and a corpus of
one image scores 0, for every n-gram is in all images.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from model_training.evaluation.bleu import ngrams

ORDERS = 4
SIGMA = 6.0
Gram = tuple[str, ...]


def cider_d(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> np.ndarray:
    """The score of every image, (images,) float64 in [0, 10]; the corpus' score is their mean.

    One candidate and one or more references for each image, all as tokens.
    """
    counted = [[_counts(ref) for ref in refs] for refs in references]
    frequency = Counter(gram for refs in counted for gram in {gram for ref in refs for order in ref for gram in order})
    images = math.log(max(1, len(references)))

    def vectors(counts: list[Counter[Gram]]) -> list[dict[Gram, float]]:
        return [{g: k * (images - math.log(max(1, frequency[g]))) for g, k in order.items()} for order in counts]

    scores = []
    for tokens, refs in zip(candidates, counted, strict=True):
        own = _counts(tokens)
        hypothesis = vectors(own)
        total = 0.0
        for ref in refs:
            apart = own[1].total() - ref[1].total()
            alike = sum(map(_similarity, hypothesis, vectors(ref)))
            total += alike / ORDERS * math.exp(-(apart**2) / (2 * SIGMA**2))
        scores.append(10 * total / len(refs))
    return np.array(scores, np.float64)


def _counts(tokens: Sequence[str]) -> list[Counter[Gram]]:
    return [ngrams(tokens, n) for n in range(1, ORDERS + 1)]


def _similarity(hypothesis: dict[Gram, float], reference: dict[Gram, float]) -> float:
    both = sum(
        min(weight, reference[gram]) * reference[gram] for gram, weight in hypothesis.items() if gram in reference
    )
    norms = math.hypot(*hypothesis.values()) * math.hypot(*reference.values())
    return both / norms if norms else 0.0
