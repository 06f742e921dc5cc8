"""A CLIP as an image-text encoder, by open_clip's own model, transform and tokenizer code.

With `allow_download` and no file of weights, the name goes to open_clip's hub loading. Without it nothing goes to a
hub: not for a tokenizer either, nor for the config of a text tower of transformers'.
"""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from model_training.models.clip_transform import Settings, wanted
from model_training.models.fixed_batches import PASS, FixedBatches
from model_training.models.weights import (
    Weights,
    folder_content,
    identity_with,
    read_config,
    tensor_names,
)

OF_A_HUB = ("hf_tokenizer_name", "hf_model_name")  # in an architecture's text_cfg: a name on the hub, or a folder


@dataclass(frozen=True)
class OpenClipSpec(Weights):
    """A CLIP of open_clip's; `arch` is one of its names, or the path of a model config (.json).

    `tag` says which of open_clip's pretrained weights the file holds, where that bears on the transform, `preprocess`
    the transform itself; `tokenizer` is a folder, for an architecture whose tokenizer is a hub's.
    """

    preprocess: Settings = ()
    tag: str | None = None
    tokenizer: str | None = None

    @property
    def identity(self) -> str:
        """sha256 over architecture, weights, transform, tokenizer. Raises InputError for what is missing or refused."""
        transform, quick_gelu = self.wanted
        use = (transform, quick_gelu, tuple(folder_content(folder) for folder in self._folders()))
        return identity_with(super().identity, use) if any(use) else super().identity

    @property
    def wanted(self) -> tuple[Settings, bool]:
        """What differs from CLIP's own transform, and whether the activation is QuickGELU."""
        named = self.weights if self.allow_download and not os.path.isfile(self.here()) else None
        return wanted(self.arch, self.tag or named, self.preprocess)

    def _folders(self) -> list[str]:
        text = read_config(self.arch).get("text_cfg", {}) if self.arch.endswith(".json") else {}
        found = [self.tokenizer, *(text.get(key) for key in OF_A_HUB if isinstance(text, dict))]
        return [folder for folder in found if folder and os.path.isdir(folder)]


class OpenClipEncoder:
    """Implements `curate.protocols.ImageTextEncoder`, in batches of one size."""

    def __init__(self, spec: OpenClipSpec) -> None:
        from model_training.models.preprocessing import Preprocessing

        self.spec = spec
        self.identity = spec.identity
        self._batches = FixedBatches(spec.batch, PASS)
        self._model, transform, self._tokenizer = load(spec, self._batches.device)
        self._images = Preprocessing(transform)
        self.width = _width(self._model, self._tokenizer, self._batches.device)

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        return self._batches.run(images, self._image_vectors, self.width, self._images.gather)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._batches.run(texts, self._text_vectors, self.width, lambda part: self._tokenizer(list(part)))

    def _image_vectors(self, batch: Any) -> Any:
        return self._model.encode_image(self._images.pixels(batch), normalize=True)

    def _text_vectors(self, batch: Any) -> Any:
        return self._model.encode_text(batch, normalize=True)


def _width(model: Any, tokenizer: Any, device: str) -> int:
    from model_training import libraries

    with libraries.torch.inference_mode():
        return int(model.encode_text(tokenizer(["a"]).to(device)).shape[1])


def load(spec: OpenClipSpec, device: str) -> tuple[Any, Any, Any]:
    """Model in eval mode, image transform, tokenizer. Raises InputError when the weights do not fit."""
    from model_training import libraries  # noqa: F401  (before open_clip, which imports torchvision)

    import open_clip  # isort: skip
    from model_training.models.small_vocabulary import tokenizer_of

    arch = register(open_clip, spec.arch)
    weights = spec.here()
    local = os.path.isfile(weights)
    if not local and not spec.allow_download:
        raise InputError(f"model {spec.name!r}: there is no file {spec.weights}")
    tensors = tensor_names(weights) if local else []
    transform_settings, quick_gelu = spec.wanted
    _refuse_hub(spec, open_clip.get_model_config(arch))
    tokenizer = tokenizer_of(arch, spec.allow_download, spec.tokenizer)
    try:
        model, _, transform = open_clip.create_model_and_transforms(
            arch,
            pretrained=None if local else spec.weights,
            load_weights=not local,
            device=device,
            force_quick_gelu=quick_gelu,
            pretrained_text=False,  # no tower's own weights from a hub, which the file's would overwrite
            **{f"image_{name}": value for name, value in transform_settings},
            **_biased(tensors),
        )
        if local:
            open_clip.load_checkpoint(model, weights, strict=True)
    except (RuntimeError, ValueError, TypeError, OSError, KeyError, AttributeError, AssertionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"model {spec.name!r}: {spec.weights} does not load as {spec.arch}: {reason}",
            "check `arch`; open_clip.list_models() names those there are",
        ) from error
    return model.eval(), transform, tokenizer


def _biased(tensors: Sequence[str]) -> dict[str, float]:
    """open_clip's factory makes a bias (SigLIP's) only where it is told to, and the architecture's name does not."""
    return {"init_logit_bias": 0.0} if "logit_bias" in tensors else {}


def _refuse_hub(spec: OpenClipSpec, config: Any) -> None:
    """Raises InputError for a text tower whose config would be asked of a hub, and may not be."""
    name = config["text_cfg"].get("hf_model_name")
    if name and not spec.allow_download and not os.path.isdir(name):
        raise InputError(
            f"model {spec.name!r}: {spec.arch} asks a hub for the config of {name}",
            "say `allow_download: true`, or write a model config (.json) whose hf_model_name is a folder",
        )


def _no_pretrained_warning(record: logging.LogRecord) -> bool:
    # open_clip warns that it made random weights, as is meant: a file's come into them next, or training.
    return "No pretrained weights loaded" not in str(record.msg)


def register(open_clip: Any, arch: str) -> str:
    """The name by which open_clip builds it; a config file becomes one, named after its content.

    Raises InputError for a name that open_clip does not know and a file that cannot be read.
    """
    from model_training.models import patch_kmeans  # noqa: F401  (timm learns of it; imports torch)

    logging.getLogger().addFilter(_no_pretrained_warning)
    if not arch.endswith(".json"):
        if arch not in open_clip.list_models():
            raise InputError(f"open_clip has no architecture {arch!r}", "open_clip.list_models() names those there are")
        return arch
    config = read_config(arch)
    if any(not isinstance(config.get(key), dict) for key in ("vision_cfg", "text_cfg")):
        raise InputError(f"{arch}: no CLIP's config", "it needs embed_dim, vision_cfg and text_cfg: models/tiny.json")
    name = f"{Path(arch).stem}-{hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]}"
    if name not in open_clip.list_models():
        open_clip.factory._MODEL_CONFIGS[name] = config
    return name
