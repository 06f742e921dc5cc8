"""DINOv2: DINO, iBOT and KoLeo together, centred by Sinkhorn-Knopp (arXiv 2304.07193)."""

from typing import Any, ClassVar

from model_training.losses.dinov2 import dinov2_loss
from model_training.losses.sinkhorn_knopp import sinkhorn_knopp
from model_training.trainers.gather import gathered
from model_training.trainers.ibot import Ibot
from model_training.trainers.objective import Inputs
from model_training.trainers.optimizers import Group, decayed_by_shape
from model_training.trainers.self_distillation_options import DinoOptions, Dinov2Options


class Dinov2(Ibot):
    """Sinkhorn-Knopp is over the rows of all workers, and so is KoLeo: published it is over each device's, which
    makes the loss another one for another number of devices.
    """

    OPTIONS: ClassVar[type[DinoOptions]] = Dinov2Options

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        return tuple(self.seen(inputs))

    def image_answers(self, logits: Any) -> Any:
        if self.said.centring == "centre":
            return super().image_answers(logits)
        return sinkhorn_knopp(logits.flatten(0, 1), self.temperature()).view(logits.shape)

    def patch_answers(self, logits: Any) -> Any:
        if self.said.centring == "centre":
            return super().patch_answers(logits)
        return sinkhorn_knopp(logits, self.temperature())

    def loss(self, *encoded: Any) -> Any:
        student, teacher, patches, teacher_patches, mask, features = encoded
        parts = dinov2_loss(
            student.unbind(1),
            self.answered(self.image_answers(teacher.transpose(0, 1))),
            patches,
            self.patch_answers(teacher_patches),
            mask.flatten(0, 1),
            gathered(features.float()).unbind(1),
            koleo_crops=self.said.koleo_crops,
            koleo_weight=self.said.koleo,
            temperature=self.said.student_temperature,
        )
        return parts.total

    def groups(self) -> list[Group]:
        """Learning rates fall by `layer_decay` from block to block down to the embeddings; the patches' is lower."""
        vit = self.student["backbone"]
        depth = len(vit.blocks)
        by_scale: dict[float, list[Any]] = {}
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                where = name.removeprefix("student.backbone.")
                scale = self.said.layer_decay ** (depth + 1 - layer(where, depth))
                if where.startswith("patch_embed."):
                    scale *= self.said.patch_embed_rate
                by_scale.setdefault(scale, []).append(parameter)
        return [group for scale, found in by_scale.items() for group in decayed_by_shape(found, scale)]


def layer(name: str, depth: int) -> int:
    """0 for what comes before the blocks, 1 to `depth` for them, depth + 1 for the last norm and the heads."""
    if name.startswith(("patch_embed.", "pos_embed", "cls_token", "reg_token", "mask_token")):
        return 0
    return int(name.split(".")[1]) + 1 if name.startswith("blocks.") else depth + 1
