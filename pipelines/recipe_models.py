"""The recipe's section `models`: what each kind is, and which columns it can measure."""

from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from curate import schema as c
from curate.signals.caption import caption_schema
from curate.signals.linear_head import Activation, head_schema
from curate.signals.match_score import match_schema
from curate.signals.zero_shot import zero_shot_schema
from model_training.models.blip_spec import FirstToken
from model_training.models.generation import LONGEST, PROMPT, Generation, Method
from pipelines.recipe_training import Section, Trained


class FromFile(Section):
    """A model of a library's, and its weights."""

    arch: str = Field(description="a name that the library knows")
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


class FromFolder(FromFile):
    """A BLIP by transformers' own classes."""

    weights: str = Field(
        description="a folder of transformers' (config.json, model.safetensors, tokenizer); a .safetensors file of a "
        "training here, with `arch`; with allow_download also a name on the hub"
    )
    arch: str = Field("", description="for one file: tiny, small or the path of a BlipConfig (.json)")


class Writer(Section):
    """How a captioner writes. Lengths are in tokens and count the prompt."""

    method: Method = Field("nucleus", description="nucleus sampling, the likeliest token each time, or a beam search")
    prompt: str = Field(PROMPT, description="what every caption begins with; it is not part of it")
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus: draw from the likeliest tokens that have this share")
    min_length: int = Field(10, ge=0, le=1024)
    max_length: int | None = Field(None, ge=2, le=1024, description="default 30, or what the model has places for")
    repetition_penalty: float | None = Field(None, gt=0, description="default 1.1 for nucleus, else 1")
    beams: int = Field(3, ge=1, le=64)

    @model_validator(mode="after")
    def _lengths(self) -> "Writer":
        longest = LONGEST if self.max_length is None else self.max_length
        if self.min_length > longest:
            raise ValueError(f"min_length {self.min_length} is more than max_length {longest}")
        return self

    def generation(self, seed: int) -> Generation:
        how = (self.method, self.prompt, self.top_p, self.min_length, self.max_length, self.repetition_penalty)
        return Generation(*how, self.beams, seed)


class BlipCaptioner(Writer, FromFolder):
    """A BLIP that writes a caption for every image."""

    kind: Literal["blip_captioner"]


class BlipMatcher(FromFolder):
    """A BLIP that says how probable it is that a caption describes its image."""

    kind: Literal["blip_matcher"]
    first_token: FirstToken = Field("encode", description="of the text: as in BLIP's training, or start: as published")


class BlipEncoder(FromFolder):
    """A BLIP's contrastive towers: a cosine for every pair, a vector for every image."""

    kind: Literal["blip"]


class CocaCaptioner(Writer, FromFile):
    """A CoCa of open_clip's that writes a caption for every image."""

    kind: Literal["coca_captioner"]
    arch: str = Field(
        description="tiny, small, an open_clip name (coca_ViT-B-32), or the path of a model config (.json)"
    )
    prompt: str = Field("", description="what every caption begins with; it is not part of it")


class LinearHead(Section):
    """A linear head on another model's image vectors; its column has its own name."""

    kind: Literal["linear_head"]
    of: str = Field(description="the model (open_clip, timm or blip) whose vectors it reads")
    weights: str = Field(description="a .safetensors file with `weight` and `bias`")
    sha256: str | None = Field(None, description="refuse other weights than these")
    activation: Activation = "none"


class ZeroShot(Section):
    """The two nearest of these categories, by a model that compares images and texts."""

    kind: Literal["zero_shot"]
    of: str = Field(description="the model (open_clip or blip) that compares")
    categories: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(
        min_length=2, description="category: its prompts"
    )


Blip = BlipCaptioner | BlipMatcher | BlipEncoder
AnyModel = OpenClip | Timm | Blip | CocaCaptioner | LinearHead | ZeroShot | Trained
Model = Annotated[AnyModel, Field(discriminator="kind")]


def measured_by(name: str, model: AnyModel) -> dict[str, pa.Schema]:
    """family -> its columns, for every family that this model can measure.

    An embedding's width is not known before its weights are read: 1 stands for it.
    """
    match model:
        case OpenClip() | BlipEncoder():
            return {**_score(name), **_embedding(name)}
        case Timm():
            return _embedding(name)
        case BlipCaptioner() | CocaCaptioner():
            return {c.model_caption(name): caption_schema(name)}
        case BlipMatcher():
            return {c.match(name): match_schema(name)}
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


def model_problems(models: dict[str, AnyModel]) -> list[Problem]:
    """What no single model can see: one that another is built on, and names that columns have already."""
    taken = {*c.POOL.names, *c.IMAGE_STATS.names, *c.TEXT_STATS.names, *c.PHASH_SCHEMA.names, *c.ALT_TEXT_COUNTS.names}
    problems: list[Problem] = []
    for name, model in models.items():
        at = ("models", name)
        if isinstance(model, LinearHead | ZeroShot):
            base = models.get(model.of)
            compares: tuple[type, ...] = (OpenClip, BlipEncoder)
            kinds = compares if isinstance(model, ZeroShot) else (*compares, Timm)
            if not isinstance(base, kinds):
                there = [n for n, m in models.items() if isinstance(m, kinds)]
                known = f"; there are {', '.join(there)}" if there else "; declare one"
                problems.append(((*at, "of"), f"no model {model.of!r} of a kind that this can be built on{known}"))
            if name in taken:
                problems.append((at, f"there is a column {name!r} already; give the model another name"))
    return problems
