"""An image encoder by timm's own model and transform code: DINOv2 and everything else that timm builds.

The vector is what timm gives with `num_classes=0`, the pooled features (of a DINOv2 the class token), made unit
length. With `allow_download` and no file of weights, timm's own hub loading is used, of the tag that `weights` names.
"""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.models.fixed_batches import PASS, FixedBatches
from model_training.models.timm_architecture import config, create, without_classifier
from model_training.models.weights import Weights


class TimmSpec(Weights):
    """`arch` is one of timm's names, such as vit_small_patch14_dinov2.lvd142m, or a config's path (.json)."""

    library: ClassVar[str] = "timm "


class TimmEncoder:
    """Implements `curate.protocols.ImageEncoder`, in batches of one size."""

    def __init__(self, spec: TimmSpec) -> None:
        from model_training.models.preprocessing import Preprocessing

        self.spec = spec
        self.identity = spec.identity
        self._batches = FixedBatches(spec.batch, PASS)
        self._model, transform = load(spec)
        self._images = Preprocessing(transform)
        self._model.to(self._batches.device)
        self.width = int(self._model.head_hidden_size)  # of what it gives; num_features may be a layer's before that

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        return self._batches.run(images, self._forward, self.width, self._images.gather)

    @property
    def blocks(self) -> int:
        """How many last blocks `encode_blocks` can show; 0 for a model that is no vision transformer with [CLS]."""
        from model_training.models.vit_blocks import blocks_of

        return blocks_of(self._model)

    def encode_blocks(self, images: Sequence[Image], blocks: int) -> tuple[np.ndarray, np.ndarray]:
        """[CLS] tokens of the last blocks (n, blocks, d) and the mean patch token of the last (n, d), float32."""
        from model_training.models.vit_blocks import last_blocks

        def forward(batch: Any) -> Any:
            return last_blocks(self._model, self._images.pixels(batch), blocks)

        flat = self._batches.run(images, forward, self.width * (blocks + 1), self._images.gather)
        return flat[:, : -self.width].reshape(len(flat), blocks, self.width), flat[:, -self.width :]

    def _forward(self, batch: Any) -> Any:
        from model_training import libraries

        return libraries.torch.nn.functional.normalize(self._model(self._images.pixels(batch)).float(), dim=-1)


def load(spec: TimmSpec) -> tuple[Any, Any]:
    """Model in eval mode, image transform. Raises InputError when the weights do not fit."""
    from model_training import libraries  # noqa: F401  (before timm, which imports torchvision)

    import timm  # isort: skip

    config(spec.arch)
    weights = spec.here()
    local = os.path.isfile(weights)
    if not local and not spec.allow_download:
        raise InputError(f"model {spec.name!r}: there is no file {spec.weights}")
    try:
        model = create(spec.arch, pretrained=not local, tag=None if local else _tag(spec))
        if local:
            model.load_state_dict(without_classifier(weights, model), strict=True)
    except (RuntimeError, ValueError, TypeError, OSError, KeyError, AttributeError, AssertionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"model {spec.name!r}: {spec.weights} does not load as {spec.arch}: {reason}",
            "check `arch`; timm.list_models() names those there are",
        ) from error
    data = timm.data.resolve_model_data_config(model)
    return model.eval(), timm.data.create_transform(**data, is_training=False)


def _tag(spec: TimmSpec) -> str:
    """Which of the architecture's pretrained weights are meant: `weights` is a tag of timm's, or a name with one."""
    import timm

    base = config(spec.arch)["architecture"].partition(".")[0]
    tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{base}.*")]
    tag = spec.weights.removeprefix(f"{base}.")
    if tag not in tags:
        there = f"timm has {', '.join(tags)}" if tags else "name the path of a .safetensors file"
        raise InputError(f"model {spec.name!r}: there is no file {spec.weights}, and no such weights of {base}", there)
    return tag
