"""A BLIP as the recipe names it: a transformers folder, the name of one on the hub, or one file of ours. No torch.

Of a folder only JSON, the vocabulary and model.safetensors are read; a pickle and code that lies beside it never are.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from curate.errors import InputError
from model_training.models.generation import Generation
from model_training.models.sizes import architecture_of
from model_training.models.weights import SETTINGS, TOKENIZER, Weights, file_digest, identity_with

WEIGHTS = "model.safetensors"

FirstToken = Literal["encode", "start"]


@dataclass(frozen=True)
class BlipSpec(Weights):
    """`arch` is tiny, small or the path of a BlipConfig (.json) where `weights` is a file, and "" where it is a folder.

    `first_token` of a text that is matched: "encode" as in BLIP's training, or "start" as its published inference
    class and transformers leave it (models/blip_itm.py:51 versus models/blip_pretrain.py:144).
    """

    generation: Generation = field(default_factory=Generation)
    first_token: FirstToken = "encode"
    library: ClassVar[str] = "blip "
    checks_downloads: ClassVar[bool] = True
    part: ClassVar[str] = ""  # what its use cannot do without: text_encoder or text_decoder

    def __post_init__(self) -> None:
        object.__setattr__(self, "arch", architecture_of("blip", self.arch))

    @property
    def identity(self) -> str:
        """sha256 over architecture, tokenizer, weights and use. Raises InputError for what is missing or refused."""
        return identity_with(self._files(), (self.library, self.part, *self._use()))

    def _use(self) -> tuple[object, ...]:
        return (self.first_token, self.generation.identity())

    def _files(self) -> str:
        if os.path.isdir(self.weights):
            folder = Path(self.weights)
            checked(folder, self.name, self.sha256)
            names = [name for name in (*SETTINGS, *TOKENIZER, WEIGHTS) if (folder / name).is_file()]
            return repr([(name, file_digest(folder / name)) for name in names])
        if not self.arch and self.weights.endswith(".safetensors"):
            raise InputError(
                f"model {self.name!r}: {self.weights} is a file, so its architecture must be said",
                "write `arch: tiny`, `arch: small` or the path of a BlipConfig (.json), or name a transformers folder",
            )
        return super().identity


@dataclass(frozen=True)
class BlipCaptionerSpec(BlipSpec):
    part: ClassVar[str] = "text_decoder"

    def _use(self) -> tuple[object, ...]:
        return self.generation.identity()


@dataclass(frozen=True)
class BlipMatcherSpec(BlipSpec):
    part: ClassVar[str] = "text_encoder"

    def _use(self) -> tuple[object, ...]:
        return (self.first_token,)


@dataclass(frozen=True)
class BlipEncoderSpec(BlipSpec):
    part: ClassVar[str] = "text_encoder"

    def _use(self) -> tuple[object, ...]:
        return ("encoder",)


def checked(folder: Path, name: str, sha256: str | None) -> None:
    """Raises InputError for a folder without config or tensors, and for other tensors than the recipe's sha256."""
    if not (folder / WEIGHTS).is_file():
        others = sorted(p.name for p in folder.glob("*.bin"))
        said = f"only {', '.join(others)}, which can run code when loaded" if others else f"no {WEIGHTS}"
        raise InputError(
            f"model {name!r}: {folder} has {said}",
            f"where you trust it, save it with transformers' save_pretrained, which writes {WEIGHTS}",
        )
    if not (folder / "config.json").is_file():
        raise InputError(f"model {name!r}: {folder} has no config.json", "name a whole transformers folder")
    digest = file_digest(folder / WEIGHTS)
    if sha256 and digest != sha256:
        raise InputError(
            f"model {name!r}: {folder / WEIGHTS} has sha256 {digest}, not {sha256}",
            "fetch the weights again, or correct sha256 in the recipe",
        )


def folder_here(spec: BlipSpec) -> str:
    """The folder on this machine; by `allow_download` one of the hub's, without anything that could run."""
    if os.path.isdir(spec.weights):
        return spec.weights
    if not spec.allow_download:
        raise InputError(
            f"model {spec.name!r}: there is no folder {spec.weights}",
            "put config.json, model.safetensors and the tokenizer's files there, or say `allow_download: true`",
        )
    import huggingface_hub

    try:
        found: str = huggingface_hub.snapshot_download(spec.weights, allow_patterns=[*SETTINGS, *TOKENIZER, WEIGHTS])
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"model {spec.name!r}: {spec.weights}: {reason}", "check the name") from error
    checked(Path(found), spec.name, spec.sha256)
    return found
