"""A model as the recipe names it: an architecture, and weights from a safetensors file. A pickle is refused.

Holds no torch: it travels to workers.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from curate.errors import InputError
from curate.files import Folder

SETTINGS = ("config.json", "preprocessor_config.json")
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json", "added_tokens.json")
OTHER_TOKENIZERS = ("vocab.json", "merges.txt", "spiece.model", "tokenizer.model", "sentencepiece.bpe.model")


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
    checks_downloads: ClassVar[bool] = False  # against sha256

    @property
    def identity(self) -> str:
        """sha256 over the architecture and the weights. Raises InputError for a missing or refused file."""
        return _identity(self)

    @property
    def mark(self) -> tuple[str, int]:
        """What a loaded model's values depend on: with another batch size, sums are made in another order."""
        return (self.identity, self.batch)

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
    if path.is_dir():
        raise InputError(f"model {spec.name!r}: {spec.weights} is a folder", "name the .safetensors file in it")
    if not path.is_file():
        if spec.allow_download:
            return _of_a_name(spec)
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


def _of_a_name(spec: Weights) -> str:
    if spec.sha256 and not spec.checks_downloads:
        raise InputError(
            f"model {spec.name!r}: sha256 is a file's, and {spec.weights} is not a file here",
            "download the .safetensors and name its path as `weights`, or take sha256 out",
        )
    named = f"{spec.library}{architecture(spec.arch)}\n{spec.weights}" + (f"\n{spec.sha256}" if spec.sha256 else "")
    return hashlib.sha256(named.encode()).hexdigest()


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
    """What stands for an architecture in a fingerprint: a library's name for it, or the content of a file or folder."""
    if os.path.isdir(arch):
        return folder_content(arch)
    return json.dumps(read_config(arch), sort_keys=True) if arch.endswith(".json") else arch


def folder_content(folder: str) -> str:
    """What stands for a transformers folder's settings and tokenizer in a fingerprint, wherever it lies."""
    names = [*SETTINGS, *TOKENIZER, *OTHER_TOKENIZERS]
    return repr([(name, file_digest(Path(folder, name))) for name in names if Path(folder, name).is_file()])


def read_config(path: str, hint: str = "name a model config (.json)") -> dict[str, Any]:
    """A JSON object. Raises InputError for anything else."""
    try:
        data = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a model config ({error})", hint) from error
    if not isinstance(data, dict):
        raise InputError(f"{path}: not a model config: {type(data).__name__}, not an object", hint)
    return data


def tensor_names(path: str) -> list[str]:
    """Of a safetensors file, by its header alone, which also tells its length. Raises InputError for a damaged one."""
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy") as file:
            names = list(file.keys())
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: not readable as safetensors ({error})", "fetch the file again") from error
    if not names:
        raise InputError(f"{path}: holds no tensors", "fetch the file again")
    return names


def read_tensors(path: str) -> dict[str, Any]:
    """torch tensors of a safetensors file, by name, on the CPU. Raises InputError for a damaged one."""
    import safetensors.torch

    tensor_names(path)
    return safetensors.torch.load_file(path)
