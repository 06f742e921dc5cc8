"""The families of models: how one is named by its architecture and weights, and what loads it."""

from collections.abc import Callable
from typing import Any

from model_training.models.blip_inference import BlipInference
from model_training.models.blip_spec import BlipCaptionerSpec, BlipEncoderSpec, BlipMatcherSpec, BlipSpec
from model_training.models.clip_transform import CLIP
from model_training.models.coca import CocaInference, CocaSpec
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.models.timm import TimmEncoder, TimmSpec

Spec = OpenClipSpec | TimmSpec | BlipSpec | CocaSpec
LOADERS: dict[type, Callable[[Any], Any]] = {
    OpenClipSpec: OpenClipEncoder,
    TimmSpec: TimmEncoder,
    BlipSpec: BlipInference,
    BlipCaptionerSpec: BlipInference,
    BlipMatcherSpec: BlipInference,
    BlipEncoderSpec: BlipInference,
    CocaSpec: CocaInference,
}
WHOLE: dict[str, type[OpenClipSpec] | type[TimmSpec] | type[BlipSpec] | type[CocaSpec]] = {
    "open_clip": OpenClipSpec,
    "timm": TimmSpec,
    "blip": BlipSpec,
    "coca": CocaSpec,
}


def trained_spec(family: str, arch: str, name: str, path: str, sha256: str | None, batch: int) -> Spec:
    """A checkpoint that an objective of this family wrote, for all that it can do.

    It has learnt from CLIP's own transform, whatever the published weights of its architecture want.
    """
    kind = WHOLE[family]
    seen: dict[str, Any] = {"preprocess": CLIP} if issubclass(kind, OpenClipSpec) else {}
    return kind(name, arch, path, sha256=sha256, batch=batch, **seen)


def load(spec: Spec) -> Any:
    """The model, with the methods of `curate.protocols` that it has. Raises InputError for weights that do not fit."""
    return LOADERS[type(spec)](spec)
