"""The recipe's section `models`: what each kind is, and which columns it can measure."""

from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from curate import schema as c
from curate.signals.linear_head import Activation, head_schema
from curate.signals.zero_shot import zero_shot_schema
from pipelines.recipe_training import Section, Trained


class FromFile(Section):
    """A model of a library's, and its weights."""

    weights: str = Field(description="a .safetensors file; with allow_download also a name that the library knows")
    allow_download: bool = False
    sha256: str | None = Field(None, description="refuse other weights than these")
    batch: int = Field(64, ge=1, le=4096, description="images at once")


class OpenClip(FromFile):
    """A CLIP by open_clip's own classes and loading code."""

    kind: Literal["open_clip"]
    arch: str = Field(description="tiny, an open_clip name (ViT-B-32), or the path of a model config (.json)")


class Timm(FromFile):
    """An image encoder by timm's own classes and loading code."""

    kind: Literal["timm"]
    arch: str = Field(description="a timm name (vit_small_patch14_dinov2.lvd142m)")


class LinearHead(Section):
    """A linear head on another model's image vectors; its column has its own name."""

    kind: Literal["linear_head"]
    of: str = Field(description="the model (open_clip or timm) whose vectors it reads")
    weights: str = Field(description="a .safetensors file with `weight` and `bias`")
    sha256: str | None = Field(None, description="refuse other weights than these")
    activation: Activation = "none"


class ZeroShot(Section):
    """The two nearest of these categories, by an open_clip model."""

    kind: Literal["zero_shot"]
    of: str = Field(description="the model (open_clip) that compares")
    categories: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        min_length=2, description="category: its prompts"
    )


Model = Annotated[OpenClip | Timm | LinearHead | ZeroShot | Trained, Field(discriminator="kind")]


def measured_by(name: str, model: OpenClip | Timm | LinearHead | ZeroShot | Trained) -> dict[str, pa.Schema]:
    """family -> its columns, for every family that this model can measure.

    An embedding's width is not known before its weights are read: 1 stands for it.
    """
    match model:
        case OpenClip():
            return {**_score(name), **_embedding(name)}
        case Timm():
            return _embedding(name)
        case LinearHead():
            return {name: head_schema(name)}
        case ZeroShot():
            return {name: zero_shot_schema(name)}
        case Trained():
            return _score(name)


def _score(name: str) -> dict[str, pa.Schema]:
    return {c.clip_score(name): pa.schema([(c.clip_score(name), pa.float32())])}


def _embedding(name: str) -> dict[str, pa.Schema]:
    return {c.embedding(name): c.embedding_schema(name, 1)}


Problem = tuple[tuple[str | int, ...], str]


def model_problems(models: dict[str, OpenClip | Timm | LinearHead | ZeroShot | Trained]) -> list[Problem]:
    """What no single model can see: one that another is built on, and names that columns have already."""
    taken = {*c.POOL.names, *c.IMAGE_STATS.names, *c.TEXT_STATS.names, *c.PHASH_SCHEMA.names, *c.ALT_TEXT_COUNTS.names}
    problems: list[Problem] = []
    for name, model in models.items():
        at = ("models", name)
        if isinstance(model, LinearHead | ZeroShot):
            base = models.get(model.of)
            kinds = (OpenClip,) if isinstance(model, ZeroShot) else (OpenClip, Timm)
            if not isinstance(base, kinds):
                there = [n for n, m in models.items() if isinstance(m, kinds)]
                known = f"; there are {', '.join(there)}" if there else "; declare one"
                problems.append(((*at, "of"), f"no model {model.of!r} of a kind that this can be built on{known}"))
            if name in taken:
                problems.append((at, f"there is a column {name!r} already; give the model another name"))
    return problems
