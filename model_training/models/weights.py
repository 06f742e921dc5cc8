"""A model as the recipe names it: an architecture, and weights from a safetensors file. A pickle is refused.

Holds no torch: it travels to workers.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from curate.errors import InputError
from curate.files import Folder


@dataclass(frozen=True)
class Weights:
    """What decides a model's values, and where its files are."""

    name: str  # in the recipe
    arch: str
    weights: str  # a .safetensors file; with allow_download and no such file, a name that the library knows
    allow_download: bool = False
    sha256: str | None = None
    batch: int = 64
    library: ClassVar[str] = ""

    @property
    def identity(self) -> str:
        """sha256 over the architecture and the weights. Raises InputError for a missing or refused file."""
        return _identity(self)

    def here(self) -> str:
        """A path of the weights on this machine: those at a URL are copied once, under the sha256 they must have."""
        if "://" not in self.weights:
            return self.weights
        folder, _, base = self.weights.rpartition("/")
        if self.sha256 is None:
            raise InputError(f"model {self.name!r}: {self.weights} is a URL", "give its sha256, or a path")
        copies = Folder(str(Path(tempfile.gettempdir(), f"curate-weights-{os.getuid()}")))
        name = f"{self.sha256}.safetensors"
        if not copies.exists(name) or copies.sha256(name) != self.sha256:
            copies.write(name, Folder(folder).read(base))
        return copies.path(name)


_known: dict[tuple[str, int, int], str] = {}  # file, size and date -> sha256, for one process only


def _identity(spec: Weights) -> str:
    path = Path(spec.here())
    if not path.is_file():
        if spec.allow_download:
            return hashlib.sha256(f"{spec.library}{spec.arch}\n{spec.weights}".encode()).hexdigest()
        raise InputError(
            f"model {spec.name!r}: there is no file {spec.weights}",
            f"put the .safetensors there, or name one of {spec.library.strip() or 'open_clip'}'s"
            " and say `allow_download: true`",
        )
    if path.suffix != ".safetensors":
        raise InputError(
            f"model {spec.name!r}: {spec.weights} is not a .safetensors file; other formats can run code when loaded",
            "save its state_dict with safetensors.torch.save_file",
        )
    digest = file_digest(path)
    if spec.sha256 and digest != spec.sha256:
        raise InputError(
            f"model {spec.name!r}: {spec.weights} has sha256 {digest}, not {spec.sha256}",
            "fetch the weights again, or correct sha256 in the recipe",
        )
    return hashlib.sha256(f"{spec.library}{architecture(spec.arch)}\n{digest}".encode()).hexdigest()


def identity_with(files: str, use: tuple[object, ...]) -> str:
    """sha256 over what a model's files are and what is asked of it: numbers, strings, tuples of them."""
    return hashlib.sha256(f"{files}\n{use!r}".encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file, remembered in this process for as long as its size and date stay."""
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns)
    if key not in _known:
        with path.open("rb") as stream:
            _known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
    return _known[key]


def architecture(arch: str) -> str:
    """What stands for an architecture in a fingerprint: a library's name for it, or the content of a config file."""
    if not arch.endswith(".json"):
        return arch
    try:
        return json.dumps(json.loads(Path(arch).read_text()), sort_keys=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{arch}: not readable as a model config ({error})") from error
