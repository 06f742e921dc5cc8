"""The options of BLIP's objectives. Defaults are the published ones (arXiv 2201.12086; salesforce/BLIP).

What the config file of the model (models/tiny_blip.json) says under `options` comes before them, and what the recipe
says before both: `tiny` has no queue, no RandAugment and a slower temperature, for it is trained at a rate of 3e-3
on few pairs, of which a queue would hold copies. Steps are counted in epochs of `train.samples_seen`: it is `epochs`
of them, whatever the data's size. Rate, warm-up and decay are the recipe's: published are lr 3e-4 with ViT-B and 2e-4
with ViT-L, 3000 steps, weight_decay .05; fine-tuned, lr 1e-5 and no warm-up. Holds no torch.
"""

from dataclasses import dataclass
from typing import Literal

Augment = Literal["rand_augment", "crop", "none"]


@dataclass(frozen=True)
class BlipOptions:
    """Pre-training: configs/pretrain.yaml, pretrain.py, models/blip_pretrain.py."""

    epochs: float = 20
    lr_decay: float = 0.9  # of the rate, every epoch; the paper says .85, its settings .9
    lr_start: float = 1e-6  # of the warm-up
    lr_end: float = 1e-6  # no rate is lower after it
    queue: int = 57_600  # pairs whose momentum features are contrasted with; a multiple of the batch, 0 for none
    momentum: float = 0.995
    alpha: float = 0.4  # of the targets, what the momentum encoders say
    temperature_lr_scale: float = 1.0  # of the rate: at 3e-3 an update could halve the temperature
    ramp_epochs: float = 2  # until alpha is that much
    label_smoothing: float = 0.1  # of the captions' tokens
    augment: Augment = (
        "rand_augment"  # after a crop; or the crop alone; or the whole image. All are mirrored: train.flip
    )
    crop_scale: tuple[float, float] = (0.2, 1.0)  # share of the image's area
    max_tokens: int = 30  # of a text, with start and end


@dataclass(frozen=True)
class BlipCaptionerOptions:
    """Fine-tuning to captions: configs/caption_coco.yaml, train_caption.py, models/blip.py."""

    epochs: float = 5  # a cosine by epochs, to 0
    prompt: str = "a picture of "  # before every caption, and not learned
    label_smoothing: float = 0.1
    augment: Augment = "rand_augment"
    crop_scale: tuple[float, float] = (0.5, 1.0)
    max_tokens: int = 35  # published 40: models/blip_tokens.py has 35


@dataclass(frozen=True)
class BlipMatcherOptions:
    """Fine-tuning to matching: configs/retrieval_coco.yaml, train_retrieval.py, models/blip_retrieval.py."""

    epochs: float = 6  # a cosine by epochs, to 0
    queue: int = 57_600
    momentum: float = 0.995
    alpha: float = 0.4
    temperature_lr_scale: float = 1.0
    ramp_epochs: float = 1
    augment: Augment = "rand_augment"
    crop_scale: tuple[float, float] = (0.5, 1.0)
    max_tokens: int = 35
