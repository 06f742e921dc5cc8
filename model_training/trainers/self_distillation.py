"""What DINO, iBOT and DINOv2 share: a student and its teacher, their schedules, the views of an image.

The student is updated by the optimizer, the teacher follows it as a moving average; the teacher's backbone is what
is written, as published: a timm model.
"""

from typing import Any, ClassVar

from curate.errors import InputError
from curate.uid import draw_int
from model_training.data.views.multi_crop import LARGE, PUBLISHED, MultiCrop
from model_training.libraries import torch
from model_training.losses.dino import teacher_entropy
from model_training.losses.momentum_teacher import cosine, follow, teacher_temperature
from model_training.models.dino_head import DinoHead
from model_training.models.timm_architecture import config, create, without_classifier
from model_training.trainers.objective import Inputs, Objective, normalised
from model_training.trainers.optimizers import Group, decayed_by_shape
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan
from model_training.trainers.schedule import dino_learning_rate
from model_training.trainers.self_distillation_options import DinoOptions

import timm  # isort: skip  (after libraries, which mends torchvision)

A_VIT = "train one of timm's vit_*, such as vit_small_patch16_224, or a size: tiny, small"
UNBUILDABLE = (RuntimeError, ValueError, OSError, KeyError, TypeError, AttributeError, AssertionError)
SMALL_SIDE = 96  # px, of local crops where the large ones have 224


class SelfDistillation(Objective):
    """`said` holds the options. Raises InputError for a model that is no ViT with a class token, and for weights to
    start from that do not fit it.

    Drop path is drawn by each worker for its rows: with more workers, other paths are dropped.
    """

    OPTIONS: ClassVar[type[DinoOptions]] = DinoOptions

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed)
        self.said: Any = options_of(self.OPTIONS, plan, config(plan.arch))
        torch.manual_seed(draw_int(seed, "", "init"))
        vit = _vit(plan, drop_path_rate=self.said.drop_path)
        self.student: Any = torch.nn.ModuleDict({"backbone": vit, **self.heads(vit.num_features)})
        self.teacher: Any = torch.nn.ModuleDict({"backbone": _vit(plan), **self.heads(vit.num_features)})
        self.teacher.load_state_dict(self.student.state_dict())
        self.teacher.requires_grad_(False)
        self.views = self._views(vit)
        seen = timm.data.resolve_model_data_config(vit)
        for name in ("mean", "std"):
            self.register_buffer(name, torch.tensor(seen[name]).view(3, 1, 1), persistent=False)
        self.step = 0
        self._answers: Any = None  # the teacher's last

    def heads(self, width: int) -> dict[str, DinoHead]:
        """One branch's, by name."""
        return {"head": self.head(width)}

    def head(self, width: int) -> DinoHead:
        return DinoHead(width, self.said.prototypes, self.said.hidden, self.said.bottleneck)

    def _views(self, vit: Any) -> MultiCrop:
        said, side, patch = self.said, vit.patch_embed.img_size[0], vit.patch_embed.patch_size[0]
        small = said.local_side or max(1, round(side * SMALL_SIDE / PUBLISHED / patch)) * patch
        if small % patch:
            raise InputError(f"local crops of {small} px are not whole patches of {patch}", "change options.local_side")
        return MultiCrop(side, small, said.local_crops, said.global_scale, said.local_scale, self.plan.flip)

    # -- pixels to answers -------------------------------------------------------------------------
    def large(self, inputs: Inputs) -> Any:
        """(2 rows, 3, side, side): the first crops of all rows, then the second ones."""
        return normalised(torch.cat(inputs.views[:LARGE]), self.mean, self.std)

    def small(self, inputs: Inputs) -> list[Any]:
        """(crops rows, 3, side, side), crops as above; nothing where there are none."""
        crops = inputs.views[LARGE:]
        return [normalised(torch.cat(crops), self.mean, self.std)] if crops else []

    def temperature(self) -> float:
        start, end = self.said.teacher_temperature
        warmup = round(self.said.temperature_epochs * self._epoch)
        return teacher_temperature(self.step, warmup=warmup, start=start, end=end)

    def answered(self, probabilities: Any) -> Any:
        """The teacher's answers to the large crops, (2, rows, K): remembered for the log."""
        self._answers = probabilities
        return probabilities

    # -- hooks -------------------------------------------------------------------------------------
    @property
    def _epoch(self) -> float:
        return self.plan.steps / self.said.epochs

    def rates(self, step: int) -> tuple[float, float]:
        """DINO's: linear warm-up, cosine to `lr_end`; weight decay rises by a cosine, whatever the plan says."""
        plan, said = self.plan, self.said
        decay = cosine(step, plan.steps, *said.weight_decay)
        if plan.schedule != "published":
            return super().rates(step)[0], decay
        rate = dino_learning_rate(step, base=plan.lr, end=said.lr_end, warmup=plan.warmup, steps=plan.steps)
        return rate, decay

    def groups(self) -> list[Group]:
        return decayed_by_shape(self.parameters())

    def before_step(self, step: int) -> None:
        self.step = step

    def after_backward(self, step: int) -> None:
        """Prototypes stay where they are for the first epoch; gradients are clipped each by itself, as published."""
        if step < self.said.frozen_epochs * self._epoch:
            for head in self.student.values():
                if isinstance(head, DinoHead):
                    head.prototypes.grad = None
        if self.said.clip_each is not None:
            for parameter in self.parameters():
                if parameter.grad is not None:
                    torch.nn.utils.clip_grad_norm_(parameter, self.said.clip_each)

    def after_update(self, step: int) -> None:
        follow(self.teacher, self.student, cosine(step, self.plan.steps, *self.said.momentum))

    def checkpoint_activations(self) -> None:
        self.student["backbone"].set_grad_checkpointing()

    def numbers(self) -> dict[str, float]:
        """Collapse: all answers alike (`of_mean` near `teacher_entropy`) or all prototypes alike (near ln K)."""
        if self._answers is None:
            return {}
        mean = self._answers.flatten(0, -2).mean(0)
        return {
            "teacher_entropy": float(teacher_entropy(self._answers)),
            "teacher_entropy_of_mean": float(teacher_entropy(mean)),
            "teacher_temperature": self.temperature(),
        }

    def weights(self) -> dict[str, Any]:
        """As timm.create_model(..., num_classes=0) loads them."""
        found: dict[str, Any] = self.teacher["backbone"].state_dict()
        return found


def tokens(vit: Any, pixels: Any, mask: Any = None, mask_token: Any = None) -> Any:
    """(n, prefix + patches, width): a ViT's normalised tokens; where `mask` (n, patches) is true, it sees `mask_token`
    (1, width) in place of the patch.

    timm's forward_features, which has no place to mask in.
    """
    x = vit.patch_embed(pixels)  # (n, height, width, channels), as any size of image may come
    if mask is not None:
        x = torch.where(mask.view(*x.shape[:-1], 1), mask_token.to(x.dtype), x)
    x = vit.norm_pre(vit.patch_drop(vit._pos_embed(x)))
    x = timm.models.checkpoint_seq(vit.blocks, x) if vit.grad_checkpointing and vit.training else vit.blocks(x)
    return vit.norm(x)


def class_tokens(vit: Any, found: Any) -> Any:
    """(n, width), what the model gives as the image's vector."""
    return vit.forward_head(found, pre_logits=True)


def by_row(tensor: Any, rows: int) -> Any:
    """(crops rows, ...), crops first, to (rows, crops, ...)."""
    return tensor.unflatten(0, (-1, rows)).transpose(0, 1)


def _vit(plan: Plan, **args: Any) -> Any:
    init = plan.init
    if init is not None:
        _ = init.identity  # refuses what is missing, is a pickle or has another sha256
    try:
        vit = create(plan.arch, pretrained=False, dynamic_img_size=True, **args)
        if init is not None:
            vit.load_state_dict(without_classifier(init.here(), vit), strict=True)
    except UNBUILDABLE as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        what = plan.arch if init is None else f"{init.weights} as {plan.arch}"
        raise InputError(f"{what}: cannot be built as a ViT: {reason}", A_VIT) from error
    if not isinstance(vit, timm.models.VisionTransformer) or vit.cls_token is None or vit.global_pool != "token":
        raise InputError(f"{plan.arch} is no ViT that answers by a class token", A_VIT)
    return vit
