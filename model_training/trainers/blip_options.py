"""The options of BLIP's objectives. Defaults are the published ones (arXiv 2201.12086; salesforce/BLIP).

What the config file of the model (models/tiny_blip.json) says under `options` comes before them, and what the recipe
says before both: `tiny` has no queue, no RandAugment and a slower temperature, for it is trained at a rate of 3e-3
on few pairs, of which a queue would hold copies. Steps are counted in epochs of `train.samples_seen`: it is `epochs`
of them, whatever the data's size. Rate, warm-up and decay are the recipe's: published are lr 3e-4 with ViT-B and 2e-4
with ViT-L, 3000 steps, weight_decay .05; fine-tuned, lr 1e-5 and no warm-up. Holds no torch.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge

from model_training.trainers.ranges import BelowOne, CountOrNone, NotNegative, Positive, Share, SomeShare, Span

Augment = Literal["rand_augment", "crop", "none"]
Tokens = Annotated[int, Ge(3)]  # a start, a word and an end


@dataclass(frozen=True)
class BlipOptions:
    """Pre-training: configs/pretrain.yaml, pretrain.py, models/blip_pretrain.py."""

    epochs: Positive = 20
    lr_decay: SomeShare = 0.9  # of the rate, every epoch; the paper says .85, its settings .9
    lr_start: NotNegative = 1e-6  # of the warm-up
    lr_end: NotNegative = 1e-6  # no rate is lower after it
    queue: CountOrNone = 57_600  # pairs whose momentum features are negatives; a multiple of the batch, or 0
    momentum: Share = 0.995
    alpha: Share = 0.4  # of the targets, what the momentum encoders say
    temperature_lr_scale: NotNegative = 1.0  # of the rate: at 3e-3 an update could halve the temperature
    ramp_epochs: Positive = 2  # until alpha is that much
    label_smoothing: BelowOne = 0.1  # of the captions' tokens
    # RandAugment after a crop; or the crop alone; or the whole image. All are mirrored: train.flip.
    augment: Augment = "rand_augment"
    crop_scale: Span = (0.2, 1.0)  # share of the image's area
    max_tokens: Tokens = 30  # of a text, with start and end


@dataclass(frozen=True)
class BlipCaptionerOptions:
    """Fine-tuning to captions: configs/caption_coco.yaml, train_caption.py, models/blip.py."""

    epochs: Positive = 5  # a cosine by epochs, to 0
    prompt: str = "a picture of "  # before every caption, and not learned
    label_smoothing: BelowOne = 0.1
    augment: Augment = "rand_augment"
    crop_scale: Span = (0.5, 1.0)
    max_tokens: Tokens = 35  # published 40: models/blip_tokens.py has 35


@dataclass(frozen=True)
class BlipMatcherOptions:
    """Fine-tuning to matching: configs/retrieval_coco.yaml, train_retrieval.py, models/blip_retrieval.py."""

    epochs: Positive = 6  # a cosine by epochs, to 0
    queue: CountOrNone = 57_600
    momentum: Share = 0.995
    alpha: Share = 0.4
    temperature_lr_scale: NotNegative = 1.0
    ramp_epochs: Positive = 1
    augment: Augment = "rand_augment"
    crop_scale: Span = (0.5, 1.0)
    max_tokens: Tokens = 35
