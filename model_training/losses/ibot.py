"""iBOT: masked patches named by a teacher that sees the whole image (Zhou et al., arXiv 2111.07832)."""

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.dino import cross_entropy


def ibot_loss(
    student: torch.Tensor, teacher: torch.Tensor, mask: torch.Tensor, temperature: float = 0.1
) -> torch.Tensor:
    """The cross-entropy of masked patches: the mean over an image's own, then over images. A scalar.

    `mask`: (images, patches) bool. `student` and `teacher`: (masked, K) logits and probabilities of the patches where
    the mask is true, in its row order (`tokens[mask]`); the same view gave both. A plain mean over patches would let
    an image with three masked patches weigh three times one with one.

    An image without a mask counts as 0 in the mean over images, as published: with half of the images masked,
    the loss is half their mean. Nothing masked gives 0, still joined to the graph, so that workers stay in step.
    """
    masked = int(mask.sum())
    if len(student) != masked or student.shape != teacher.shape:
        raise InputError(
            f"{masked} masked patches, student {tuple(student.shape)}, teacher {tuple(teacher.shape)}",
            "give both as tokens[mask], through a head of as many prototypes",
        )
    losses = cross_entropy(student, teacher, temperature)
    per_image = mask.sum(1, dtype=losses.dtype).clamp(min=1)
    weights = (1 / per_image).unsqueeze(1).expand(mask.shape)[mask]
    return (losses * weights).sum() / len(mask)
