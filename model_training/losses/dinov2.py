"""DINOv2's objective: DINO, iBOT and KoLeo together (Oquab et al., arXiv 2304.07193, section 4)."""

from collections.abc import Sequence
from typing import NamedTuple

from model_training.libraries import torch
from model_training.losses.dino import dino_loss
from model_training.losses.ibot import ibot_loss
from model_training.losses.koleo import koleo_loss

KOLEO_WEIGHT = 0.1


class Dinov2Parts(NamedTuple):
    """Scalars: `total` = dino + ibot + .1 koleo, and the three before weighting."""

    total: torch.Tensor
    dino: torch.Tensor
    ibot: torch.Tensor
    koleo: torch.Tensor


def dinov2_loss(
    student_views: Sequence[torch.Tensor],
    teacher_views: torch.Tensor,
    student_patches: torch.Tensor,
    teacher_patches: torch.Tensor,
    mask: torch.Tensor,
    features: Sequence[torch.Tensor],
    koleo_crops: int = 2,
    koleo_weight: float = KOLEO_WEIGHT,
    temperature: float = 0.1,
) -> Dinov2Parts:
    """The total and its parts.

    `student_views`, `teacher_views`: as in `dino_loss`. `student_patches`, `teacher_patches`, `mask`: as in
    `ibot_loss`, the mask over all global crops, (2 images, patches): the published factors 2 and 1/2 cancel.
    `features`: per global crop (images, D), the student backbone's class tokens, *before* the head; one KoLeo per
    crop, for two crops of one image should be near. Code sums it over both crops; the paper (B.1) speaks of the
    first only: koleo_crops=1.

    The teacher's probabilities come from a Centre or from `sinkhorn_knopp`; DINOv2's large runs use the latter.
    """
    dino = dino_loss(student_views, teacher_views, temperature)
    ibot = ibot_loss(student_patches, teacher_patches, mask, temperature)
    koleo = torch.stack([koleo_loss(crop) for crop in features[:koleo_crops]]).sum()
    return Dinov2Parts(dino + ibot + koleo_weight * koleo, dino, ibot, koleo)
