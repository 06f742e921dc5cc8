"""BLEU (Papineni et al., ACL 2002) as COCO's caption evaluation computes it (tylin/coco-caption, bleu_scorer.py).

Over the corpus, not a mean over images: clipped n-gram matches and n-grams are summed first. Smoothing is 1e-15 on
matches and 1e-9 on n-grams, so that an order without matches gives about 0 and a short sentence no error.
"""

import math
from collections import Counter
from collections.abc import Sequence

ORDERS = 4
TINY, SMALL = 1e-15, 1e-9


def ngrams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def bleu(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> list[float]:
    """BLEU-1..4 of one candidate and one or more references for each image, all as tokens.

    A match is clipped by its largest count in one reference. The reference length is that closest to the candidate's,
    of two equally close the shorter (the scorer, asked for one image without an option, would take the mean).
    """
    matches, totals = [0] * ORDERS, [0] * ORDERS
    length, wanted = 0, 0
    for tokens, refs in zip(candidates, references, strict=True):
        length += len(tokens)
        wanted += min((abs(len(ref) - len(tokens)), len(ref)) for ref in refs)[1]
        for n in range(1, ORDERS + 1):
            most: Counter[tuple[str, ...]] = Counter()
            for ref in refs:
                most |= ngrams(ref, n)
            matches[n - 1] += (ngrams(tokens, n) & most).total()
            totals[n - 1] += max(0, len(tokens) - n + 1)
    ratio = (length + TINY) / (wanted + SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    found, product = [], 1.0
    for n in range(ORDERS):
        product *= (matches[n] + TINY) / (totals[n] + SMALL)
        found.append(penalty * product ** (1 / (n + 1)))
    return found
