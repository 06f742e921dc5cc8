"""An image encoder by timm's own model and transform code: DINOv2 and everything else that timm builds.

The vector is what timm gives with `num_classes=0`, the pooled features (of a DINOv2 the class token), made unit
length. With `allow_download` and no file of weights, timm's own hub loading is used.
"""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.models.fixed_batches import FixedBatches
from model_training.models.weights import Weights


class TimmSpec(Weights):
    """`arch` is one of timm's names, such as vit_small_patch14_dinov2.lvd142m."""

    library: ClassVar[str] = "timm "


class TimmEncoder:
    """Implements `curate.protocols.ImageEncoder`, in batches of one size."""

    def __init__(self, spec: TimmSpec) -> None:
        self.spec = spec
        self.identity = spec.identity
        self._batches = FixedBatches(spec.batch)
        self._model, self._transform = load(spec)
        self._model.to(self._batches.device)
        self.width = int(self._model.num_features)

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        return self._batches.run([self._transform(image) for image in images], self._forward, self.width)

    def _forward(self, batch: Any) -> Any:
        from model_training import libraries

        return libraries.torch.nn.functional.normalize(self._model(batch).float(), dim=-1)


def load(spec: TimmSpec) -> tuple[Any, Any]:
    """Model in eval mode, image transform. Raises InputError when the weights do not fit."""
    from model_training import libraries  # noqa: F401  (before timm, which imports torchvision)

    import timm  # isort: skip

    name = spec.arch.partition(".")[0]
    if name not in timm.list_models():
        raise InputError(
            f"model {spec.name!r}: timm has no architecture {spec.arch!r}", "timm.list_models() names those there are"
        )
    weights = spec.here()
    local = os.path.isfile(weights)
    if not local and not spec.allow_download:
        raise InputError(f"model {spec.name!r}: there is no file {spec.weights}")
    try:
        model = timm.create_model(spec.arch, pretrained=not local, num_classes=0)
        if local:
            model.load_state_dict(_without_classifier(weights, model), strict=True)
    except (RuntimeError, ValueError, OSError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"model {spec.name!r}: {spec.weights} does not load as {spec.arch}: {reason}",
            "check `arch`; timm.list_models() names those there are",
        ) from error
    config = timm.data.resolve_model_data_config(model)
    return model.eval(), timm.data.create_transform(**config, is_training=False)


def _without_classifier(path: str, model: Any) -> dict[str, Any]:
    """The weights in a file, but for those of the classifier, which the encoder does not have.

    Loaded strictly, unlike timm's own way for a file: a missing layer would stay random without a word.
    """
    import safetensors.torch

    classifier = model.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    return {name: value for name, value in safetensors.torch.load_file(path).items() if not name.startswith(heads)}
