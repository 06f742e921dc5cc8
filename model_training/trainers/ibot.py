"""iBOT: DINO's loss of images, and the same of patches that the student does not see (arXiv 2111.07832)."""

from typing import Any, ClassVar, NamedTuple

from model_training.data.views.multi_crop import LARGE
from model_training.libraries import torch
from model_training.losses.block_masking import block_masks
from model_training.losses.dino import Centre, dino_loss
from model_training.losses.ibot import ibot_loss
from model_training.models.dino_head import DinoHead
from model_training.trainers.objective import Inputs
from model_training.trainers.plan import Plan
from model_training.trainers.self_distillation import SelfDistillation, by_row, class_tokens, tokens
from model_training.trainers.self_distillation_options import DinoOptions, IbotOptions


class Seen(NamedTuple):
    """What a student that sees masked large crops, and a teacher that sees whole ones, make of rows."""

    student: Any  # (rows, views, K) logits of images
    teacher: Any  # (rows, 2, K)
    student_patches: Any  # (masked, K) logits of patches, as tokens[mask]
    teacher_patches: Any
    mask: Any  # (rows, 2, patches) bool
    features: Any  # (rows, 2, width): the student's class tokens of the large crops, before the head


class Ibot(SelfDistillation):
    """One head for images and patches, or one each (`separate_heads`).

    The centre of patches is moved by masked ones alone, as in DINOv2's code; iBOT's takes all of an image's.
    """

    OPTIONS: ClassVar[type[DinoOptions]] = IbotOptions

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        said, vit = self.said, self.student["backbone"]
        self.mask_token = torch.nn.Parameter(torch.zeros(1, vit.num_features))
        torch.nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.centre = Centre(said.prototypes, said.centre_momentum)
        self.patch_centre = Centre(said.prototypes, said.centre_momentum)
        self.to(device)

    def heads(self, width: int) -> dict[str, DinoHead]:
        heads = super().heads(width)
        return {**heads, "patch_head": self.head(width)} if self.said.separate_heads else heads

    # -- encoding ----------------------------------------------------------------------------------
    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """As `Seen`, but for the features."""
        return tuple(self.seen(inputs))[:5]

    def seen(self, inputs: Inputs) -> Seen:
        rows, large = len(inputs.names), self.large(inputs)
        mask = self.masks(inputs)  # (rows, 2, patches)
        with torch.no_grad():
            vit = self.teacher["backbone"]
            whole = tokens(vit, large)
            teacher = by_row(self.teacher["head"](class_tokens(vit, whole)), rows)
            teacher_patches = self._named(self.teacher, whole, mask)
        vit = self.student["backbone"]
        holed = tokens(vit, large, mask.transpose(0, 1).flatten(0, 1), self.mask_token)
        features = class_tokens(vit, holed)
        small = [class_tokens(vit, tokens(vit, crops)) for crops in self.small(inputs)]
        student = by_row(self.student["head"](torch.cat([features, *small])), rows)
        patches = self._named(self.student, holed, mask)
        return Seen(student, teacher, patches, teacher_patches, mask, by_row(features, rows))

    def _named(self, branch: Any, found: Any, mask: Any) -> Any:
        """(masked, K) logits of masked patches."""
        head = branch["patch_head" if self.said.separate_heads else "head"]
        patches = found[:, branch["backbone"].num_prefix_tokens :]
        return head(by_row(patches, len(mask))[mask])

    @torch.compiler.disable
    def masks(self, inputs: Inputs) -> Any:
        """Drawn for the batch of all workers, so that any number of them masks the same."""
        height, width = self.student["backbone"].patch_embed.grid_size
        first, rows = LARGE * inputs.first, len(inputs.names)
        drawn = block_masks(
            LARGE * inputs.size,
            height,
            width,
            seed=self.seed,
            step=inputs.step,
            share=self.said.masked_share,
            ratios=tuple(self.said.mask_ratios),
            among=range(first, first + LARGE * rows),
        )
        return torch.from_numpy(drawn).to(self.mask_token.device).view(rows, LARGE, height * width)

    # -- loss --------------------------------------------------------------------------------------
    def image_answers(self, logits: Any) -> Any:
        """(2, rows, K) logits of the teacher to probabilities."""
        return self.centre(logits, self.temperature())

    def patch_answers(self, logits: Any) -> Any:
        """(masked, K) logits of the teacher to probabilities."""
        return self.patch_centre(logits, self.temperature())

    def loss(self, *encoded: Any) -> Any:
        student, teacher, patches, teacher_patches, mask = encoded
        said = self.answered(self.image_answers(teacher.transpose(0, 1)))
        images = dino_loss(student.unbind(1), said, self.said.student_temperature)
        named = self.patch_answers(teacher_patches)
        return images + ibot_loss(patches, named, mask.flatten(0, 1), self.said.student_temperature)
