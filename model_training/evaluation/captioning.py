"""The captioning metrics that COCO's evaluation prints and that need no model: BLEU-1..4, ROUGE-L and CIDEr-D."""

from collections.abc import Sequence

import numpy as np

from curate.errors import InputError
from model_training.evaluation.bleu import bleu
from model_training.evaluation.cider_d import cider_d
from model_training.evaluation.hits import Metric
from model_training.evaluation.ptb_tokens import ptb_tokens
from model_training.evaluation.rouge_l import rouge_l


def captioning(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> list[Metric]:
    """bleu_1..bleu_4 (without hits: they are of the corpus, not means), rouge_l and cider_d (in [0, 10]).

    One candidate and one or more references for each image, as written. Raises InputError for lists of different
    length, none at all, and an image without references. An empty candidate scores 0.
    """
    if len(candidates) != len(references) or not candidates or not all(references):
        raise InputError(
            f"{len(candidates)} candidates and {len(references)} lists of references, or one that is empty",
            "give one candidate and at least one reference for each image",
        )
    own = [ptb_tokens(text) for text in candidates]
    refs = [[ptb_tokens(text) for text in texts] for texts in references]
    rouge = np.array([rouge_l(tokens, known) for tokens, known in zip(own, refs, strict=True)])
    cider = cider_d(own, refs)
    return [
        *(Metric(f"bleu_{n}", value, len(own)) for n, value in enumerate(bleu(own, refs), 1)),
        *(
            Metric(n, float(s.mean()), len(own), s.astype(np.float32))
            for n, s in (("rouge_l", rouge), ("cider_d", cider))
        ),
    ]
