"""The objectives by name: where each is, what it trains and with which options. Holds no torch."""

import importlib
import os
from dataclasses import dataclass
from typing import Any, Literal

from curate.errors import InputError
from model_training.data.captions import Captions
from model_training.models.sizes import SIZES
from model_training.trainers import blip_options as blip
from model_training.trainers import contrastive_options as contrastive
from model_training.trainers import self_distillation_options as self_distillation
from model_training.trainers.plan import Plan

Family = Literal["open_clip", "coca", "timm", "blip"]  # of model_training/models
Ability = Literal["images", "texts", "captions", "matches"]


@dataclass(frozen=True)
class NoOptions:
    """The objective has none."""


@dataclass(frozen=True)
class Known:
    """One objective."""

    module: str  # of model_training.trainers
    name: str  # of the class there
    family: Family
    does: frozenset[Ability]  # what the trained model can be asked for
    options: type = NoOptions  # a frozen dataclass whose defaults are the published ones
    needs_init: bool = False
    sized: str = ""  # where its sizes are not those of its family

    @property
    def sizes(self) -> dict[str, str]:
        """tiny, small -> the path of its config."""
        return SIZES[self.sized or self.family]


PAIRS: frozenset[Ability] = frozenset({"images", "texts"})
IMAGES: frozenset[Ability] = frozenset({"images"})

OBJECTIVES: dict[str, Known] = {
    "clip": Known("clip", "Clip", "open_clip", PAIRS),
    "align": Known("align", "Align", "open_clip", PAIRS, contrastive.AlignOptions),
    "siglip": Known("siglip", "Siglip", "open_clip", PAIRS, contrastive.SiglipOptions),
    "lit": Known("lit", "Lit", "open_clip", PAIRS, contrastive.LitOptions, needs_init=True),
    "filip": Known("filip", "Filip", "open_clip", PAIRS, contrastive.FilipOptions, sized="filip"),
    "mammut": Known("mammut", "Mammut", "open_clip", PAIRS, contrastive.MammutOptions),
    "coca": Known("coca", "Coca", "coca", PAIRS | {"captions"}, contrastive.CocaOptions),
    "blip": Known("blip", "Blip", "blip", PAIRS | {"captions", "matches"}, blip.BlipOptions),
    "blip_captioner": Known(
        "blip_captioner", "BlipCaptioner", "blip", frozenset({"captions"}), blip.BlipCaptionerOptions
    ),
    "blip_matcher": Known("blip_matcher", "BlipMatcher", "blip", PAIRS | {"matches"}, blip.BlipMatcherOptions),
    "dino": Known("dino", "Dino", "timm", IMAGES, self_distillation.DinoOptions),
    "ibot": Known("ibot", "Ibot", "timm", IMAGES, self_distillation.IbotOptions),
    "dinov2": Known("dinov2", "Dinov2", "timm", IMAGES, self_distillation.Dinov2Options),
}


def meaningless(plan: Plan) -> tuple[str, str] | None:
    """What the plan says that has no meaning to its objective, and what to say instead."""
    known, name = OBJECTIVES[plan.objective], plan.objective
    if known.family in ("timm", "blip") and plan.crop_area != 1:
        option = "global_scale and options.local_scale" if known.family == "timm" else "crop_scale"
        return f"{name} does not crop by train.crop_area", f"set options.{option} instead"
    if known.family != "timm":
        return None
    if plan.ema is not None:
        return f"{name} writes its teacher, a moving average already", "leave out train.ema"
    if plan.captions != Captions():
        return f"{name} reads no texts", "leave out train.captions"
    if plan.init is not None and plan.init_part == "text":
        return f"{name} has no text tower", "leave out train.init.part"
    if plan.init is not None and plan.init.allow_download and not _is_file(plan.init.weights):
        return (
            f"{name} starts from a file, and there is none of the name {plan.init.weights}",
            "save timm's weights by safetensors.torch.save_file, and name that file in train.init.weights",
        )
    return None


def _is_file(weights: str) -> bool:
    return "://" in weights or os.path.isfile(weights)


def build(plan: Plan, seed: int, device: Any) -> Any:
    """The plan's `Objective`, on the device. Raises InputError, as its class does, and for what is `meaningless`."""
    if wrong := meaningless(plan):
        raise InputError(*wrong)
    known = OBJECTIVES[plan.objective]
    made = getattr(importlib.import_module(f"model_training.trainers.{known.module}"), known.name)
    return made(plan, seed, device)
