"""The options of DINO, iBOT and DINOv2. Defaults are the published ones, for images of 224 px and a ViT.

What a config file of the architecture (models/tiny_vit.json) says under `options` comes before them, and what the
recipe says before both. Steps are counted in epochs of `train.samples_seen`: it is `epochs` of them, whatever the
data's size. The learning rate's peak and warm-up are the recipe's `lr` and `warmup`; published are 5e-4 times
batch / 256 (DINO, iBOT), 4e-3 times the root of batch / 1024 (DINOv2), and 10 epochs. Holds no torch.
"""

from dataclasses import dataclass
from typing import Literal

from model_training.trainers.ranges import BelowOne, Count, CountOrNone, NotNegative, Positive, Share, Span


@dataclass(frozen=True)
class DinoOptions:
    """arXiv 2104.14294; facebookresearch/dino, main_dino.py."""

    prototypes: Count = 65_536
    hidden: Count = 2048  # of the head
    bottleneck: Count = 256
    local_crops: CountOrNone = 8
    local_side: Count | None = None  # px; none: 96 for 224, in whole patches
    global_scale: Span = (0.4, 1.0)  # of the image's area
    local_scale: Span = (0.05, 0.4)
    student_temperature: Positive = 0.1
    teacher_temperature: tuple[Positive, Positive] = (0.04, 0.04)  # start, end
    temperature_epochs: NotNegative = 0  # from one to the other; the longer runs: .04 to .07 in 30
    momentum: tuple[Share, Share] = (0.996, 1.0)  # of the teacher, by half a cosine
    centre_momentum: Share = 0.9
    weight_decay: tuple[NotNegative, NotNegative] = (0.04, 0.4)  # by half a cosine
    lr_end: NotNegative = 1e-6
    epochs: Positive = 100
    frozen_epochs: NotNegative = 1  # in which the prototypes stay
    drop_path: BelowOne = 0.1  # of the student
    clip_each: Positive | None = 3.0  # the norm of every parameter's own gradient


@dataclass(frozen=True)
class IbotOptions(DinoOptions):
    """arXiv 2111.07832; bytedance/ibot, the settings of its ViT-S/16."""

    prototypes: Count = 8192
    local_crops: CountOrNone = 10
    global_scale: Span = (0.25, 1.0)
    local_scale: Span = (0.05, 0.25)
    teacher_temperature: tuple[Positive, Positive] = (0.04, 0.07)
    temperature_epochs: NotNegative = 30
    separate_heads: bool = False  # one for class tokens, one for patches
    masked_share: Share = 0.5  # of the global crops
    mask_ratios: Span = (0.1, 0.5)  # of a masked crop's patches


@dataclass(frozen=True)
class Dinov2Options(IbotOptions):
    """arXiv 2304.07193; facebookresearch/dinov2: ssl_default_config.yaml, with the heads and centring of its ViT-L."""

    prototypes: Count = 65_536
    local_crops: CountOrNone = 8
    global_scale: Span = (0.32, 1.0)
    local_scale: Span = (0.05, 0.32)
    momentum: tuple[Share, Share] = (0.992, 1.0)
    drop_path: BelowOne = 0.3
    clip_each: Positive | None = None  # of all together, as the recipe's clip_norm; published 3
    separate_heads: bool = True
    centring: Literal["sinkhorn_knopp", "centre"] = "sinkhorn_knopp"
    koleo: NotNegative = 0.1  # weight
    koleo_crops: Literal[1, 2] = 2  # the code's; the paper's is 1
    patch_embed_rate: NotNegative = 0.2  # times the learning rate
    layer_decay: NotNegative = 0.9  # of the learning rate, from the last block down
