"""ROUGE-L (Lin, ROUGE: A Package for Automatic Evaluation of Summaries, 2004) as COCO's caption evaluation computes it
(tylin/coco-caption, rouge.py): F with beta 1.2 of the longest common subsequence.
"""

from collections.abc import Sequence

BETA = 1.2


def rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """The score of one image's tokens, in [0, 1]; 0 without tokens.

    The best precision and the best recall are taken separately, perhaps from two references; the F of each reference
    and then the best of them would be another, smaller number.
    """
    common = [(common_length(candidate, ref), len(ref)) for ref in references]
    precision = max(length for length, _ in common) / max(1, len(candidate))
    recall = max(length / max(1, count) for length, count in common)
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for token in first:
        before = 0  # of the row above, one to the left
        for j, other in enumerate(second, 1):
            above = row[j]
            row[j] = before + 1 if token == other else max(above, row[j - 1])
            before = above
    return row[-1]
