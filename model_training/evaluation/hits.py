"""The result of a metric: its value, and what each item contributed to it.

Contributions let intervals resample items, and pair them when two models were judged by the same set.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Metric:
    """One number of one model.

    name    top1, top5, mean_per_class_recall, image_to_text_r1, text_to_image_r1, ..., mean_r1, bleu_4, cider_d, ...
    value   in [0, 1]; cider_d in [0, 10]
    n       queries asked: images, or texts, or both
    hits    (items,) float32 in the order of the items, with mean(hits) = value up to rounding; None if not kept

    An item is an image with its texts, because the captions of one image are not independent. Hits are 0 or 1 for
    top-k and for image to text. Elsewhere an outcome carries the weight that makes the mean the value:

    * mean per-class recall: n / (classes * n_c) for an item of class c, which has n_c of the n items
    * text to image: images / texts for each text found, summed over the item's texts; 0 or 1 with one text each
    * mean R@1: the mean of the item's image to text and text to image hits
    * rouge_l, cider_d and jaccard: the item's own score

    None are kept where the value is of the corpus and no mean over items: BLEU, mean average precision.
    """

    name: str
    value: float
    n: int
    hits: np.ndarray | None = field(default=None, compare=False, repr=False)


def metric(name: str, outcomes: np.ndarray) -> Metric:
    """A metric that is the plain mean of 0/1 outcomes, one for each item: (items,) bool."""
    return Metric(name, float(outcomes.mean()), len(outcomes), outcomes.astype(np.float32))
