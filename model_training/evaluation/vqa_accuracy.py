"""VQA accuracy (Antol et al., arXiv 1505.00468; GT-Vision-Lab/VQA, vqaEval.py): an answer is right if three annotators
gave it, averaged over the sets that leave one annotator out.
"""

from collections.abc import Sequence

from curate.errors import InputError


def vqa_accuracy(answer: str, annotators: Sequence[str]) -> float:
    """The mean over the annotators of min(matches among the others / 3, 1); usually there are 10 of them.

    Compares strings as they are: normalise both sides before. The short form min(matches / 3, 1) is larger.
    Raises InputError with fewer than two annotators.
    """
    if len(annotators) < 2:
        raise InputError("a question has fewer than two annotators", "leave it out of the set")
    matches = sum(given == answer for given in annotators)
    return sum(min((matches - (given == answer)) / 3, 1.0) for given in annotators) / len(annotators)
