"""A CLIP as an image-text encoder, by open_clip's own model, transform and tokenizer code.

Weights come from a safetensors file; a pickle is refused. With `allow_download` and no such file, the name
goes to open_clip's hub loading.
"""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image

from curate.errors import InputError
from curate.files import Folder


@dataclass(frozen=True)
class OpenClipSpec:
    """What decides an encoder's values, and where its files are. Holds no torch: it travels to workers."""

    name: str  # in the recipe
    arch: str
    weights: str
    allow_download: bool = False
    sha256: str | None = None
    batch: int = 64

    @property
    def identity(self) -> str:
        """sha256 over the architecture and the weights. Raises InputError for a missing or refused file."""
        return _identity(self)


def _here(spec: OpenClipSpec) -> str:
    """A path of the weights on this machine: those at a URL are copied once, under the sha256 that they must have."""
    if "://" not in spec.weights:
        return spec.weights
    folder, _, base = spec.weights.rpartition("/")
    if spec.sha256 is None:
        raise InputError(f"model {spec.name!r}: {spec.weights} is a URL", "give its sha256, or a path")
    copies = Folder(str(Path(tempfile.gettempdir(), f"curate-weights-{os.getuid()}")))
    name = f"{spec.sha256}.safetensors"
    if not copies.exists(name) or copies.sha256(name) != spec.sha256:
        copies.write(name, Folder(folder).read(base))
    return copies.path(name)


_known: dict[tuple[str, int, int], str] = {}  # file, size and date -> sha256, for one process only


def _identity(spec: OpenClipSpec) -> str:
    path = Path(_here(spec))
    if not path.is_file():
        if spec.allow_download:
            return hashlib.sha256(f"{spec.arch}\n{spec.weights}".encode()).hexdigest()
        raise InputError(
            f"model {spec.name!r}: there is no file {spec.weights}",
            "put the .safetensors there, or name one of open_clip's and say `allow_download: true`",
        )
    if path.suffix != ".safetensors":
        raise InputError(
            f"model {spec.name!r}: {spec.weights} is not a .safetensors file; other formats can run code when loaded",
            "save its state_dict with safetensors.torch.save_file",
        )
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns)
    if key not in _known:
        with path.open("rb") as stream:
            _known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    digest = _known[key]
    if spec.sha256 and digest != spec.sha256:
        raise InputError(
            f"model {spec.name!r}: {spec.weights} has sha256 {digest}, not {spec.sha256}",
            "fetch the weights again, or correct sha256 in the recipe",
        )
    return hashlib.sha256(f"{architecture(spec.arch)}\n{digest}".encode()).hexdigest()


def architecture(arch: str) -> str:
    """What stands for an architecture in a fingerprint: open_clip's name, or the content of a config file."""
    if not arch.endswith(".json"):
        return arch
    try:
        return json.dumps(json.loads(Path(arch).read_text()), sort_keys=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{arch}: not readable as a model config ({error})") from error


class OpenClipEncoder:
    """Implements `curate.protocols.ImageTextEncoder`.

    Every forward pass has the same batch size, the last one padded, and on a CPU one thread: so a vector does
    not depend on its neighbours, on how a shard was cut or on how many cores a worker was given.
    """

    def __init__(self, spec: OpenClipSpec) -> None:
        from model_training import libraries

        self._torch = libraries.torch
        self.spec = spec
        self.identity = spec.identity
        self._device = "cuda" if self._torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            self._torch.set_num_threads(1)
        self._model, self._transform, self._tokenizer = load(spec, self._device)

    def encode_images(self, images: Sequence[Image]) -> np.ndarray:
        return self._encode([self._transform(image) for image in images], self._model.encode_image)

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode(list(self._tokenizer(list(texts))) if texts else [], self._model.encode_text)

    def _encode(self, items: list[Any], forward: Any) -> np.ndarray:
        torch, size, found = self._torch, self.spec.batch, []
        with torch.inference_mode():
            for start in range(0, len(items), size):
                part = items[start : start + size]
                batch = torch.stack(part + [torch.zeros_like(part[0])] * (size - len(part)))
                found.append(forward(batch.to(self._device), normalize=True)[: len(part)].float().cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, 1), np.float32)


def load(spec: OpenClipSpec, device: str) -> tuple[Any, Any, Any]:
    """Model in eval mode, image transform, tokenizer. Raises InputError when the weights do not fit."""
    from model_training import libraries  # noqa: F401  (before open_clip, which imports torchvision)

    import open_clip  # isort: skip

    arch = register(open_clip, spec.arch)
    weights = _here(spec)
    local = os.path.isfile(weights)
    if not local and not spec.allow_download:
        raise InputError(f"model {spec.name!r}: there is no file {spec.weights}")
    try:
        model, _, transform = open_clip.create_model_and_transforms(
            arch,
            pretrained=None if local else spec.weights,
            load_weights=not local,
            device=device,
        )
        if local:
            open_clip.load_checkpoint(model, weights, strict=True)
    except (RuntimeError, ValueError, OSError, KeyError, AssertionError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"model {spec.name!r}: {spec.weights} does not load as {spec.arch}: {reason}",
            "check `arch`; open_clip.list_models() names those there are",
        ) from error
    return model.eval(), transform, open_clip.get_tokenizer(arch)


def _no_pretrained_warning(record: logging.LogRecord) -> bool:
    # open_clip warns that it made random weights, as is meant: a file's come into them next, or training.
    return "No pretrained weights loaded" not in str(record.msg)


def register(open_clip: Any, arch: str) -> str:
    """The name by which open_clip builds it; a config file becomes one, named after its content.

    Raises InputError for a name that open_clip does not know and a file that cannot be read.
    """
    logging.getLogger().addFilter(_no_pretrained_warning)
    if not arch.endswith(".json"):
        if arch not in open_clip.list_models():
            raise InputError(f"open_clip has no architecture {arch!r}", "open_clip.list_models() names those there are")
        return arch
    config = json.loads(architecture(arch))
    name = f"{Path(arch).stem}-{hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:8]}"
    if name not in open_clip.list_models():
        open_clip.factory._MODEL_CONFIGS[name] = config
    return name
