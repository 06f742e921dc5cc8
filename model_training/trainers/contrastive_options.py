"""Options of the objectives on images and texts. The defaults are the published values. Holds no torch."""

from dataclasses import dataclass

from model_training.trainers.ranges import BelowOne, Count, NotNegative, SomeShare


@dataclass(frozen=True)
class AlignOptions:
    """ALIGN (arXiv 2102.05918, section 5)."""

    label_smoothing: BelowOne = 0.1


@dataclass(frozen=True)
class SiglipOptions:
    """SigLIP (arXiv 2303.15343, sections 4.5 to 4.7)."""

    image_lr_scale: NotNegative = 0.1  # of a pre-trained image tower, which does not decay either


@dataclass(frozen=True)
class LitOptions:
    """LiT (arXiv 2111.07991)."""

    learn_projection: bool = False  # of the image tower: its last linear layer is learned, all before it is locked
    keep_embeddings: bool = True  # of images, once computed, where no crop is drawn


@dataclass(frozen=True)
class FilipOptions:
    """FILIP (arXiv 2111.07783, section 3.1)."""

    kept_share: SomeShare = 0.25  # of the tokens of an image and of a text
    chosen_among: Count = 32  # pairs in which a token's nearest is looked for; in the paper, those of one device
    pooled_weight: NotNegative = 1.0  # of CLIP's loss on pooled features, which benchmarks read; in the paper 0


@dataclass(frozen=True)
class MammutOptions:
    """MaMMUT (arXiv 2303.16839, section 3.1)."""

    gamma: NotNegative = 1.0


@dataclass(frozen=True)
class CocaOptions:
    """CoCa (arXiv 2205.01917, section 4.1)."""

    contrastive_weight: NotNegative = 1.0
    caption_weight: NotNegative = 2.0
