"""The recipe's section `models`: what each kind is, and which columns it can measure."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import ConfigDict, Field, model_serializer, model_validator

from curate import schema as c
from curate.corpus import CorpusPass
from curate.filters.rule import without_absent
from curate.signals.caption import caption_schema
from curate.signals.linear_head import Activation, head_schema
from curate.signals.match_score import match_schema
from curate.signals.plain import PLAIN
from curate.signals.zero_shot import zero_shot_schema
from model_training.models.blip_spec import FirstToken
from model_training.models.clip_transform import Settings
from model_training.models.generation import LONGEST, PROMPT, Generation, Method
from pipelines.recipe_training import Section


class FromFile(Section):
    """A model of a library's, and its weights."""

    arch: str = Field(description="a name that the library knows")
    weights: str = Field(description="a .safetensors file; with allow_download also a name that the library knows")
    allow_download: bool = False
    sha256: str | None = Field(None, description="refuse other weights than these")
    batch: int = Field(64, ge=1, le=4096, description="images at once")


class Preprocess(Section):
    """How images are made ready, as open_clip says it."""

    mean: tuple[float, float, float] | None = Field(None, description="of red, green and blue, from 0 to 1")
    std: tuple[float, float, float] | None = Field(None, description="of red, green and blue, from 0 to 1")
    interpolation: Literal["bicubic", "bilinear"] | None = None
    resize_mode: Literal["shortest", "longest", "squash"] | None = Field(
        None, description="shortest side and a crop from the middle, longest side and a border, or a square"
    )


class OfOpenClip(FromFile):
    """What open_clip keeps beside an architecture, in the tag of its published weights."""

    tag: str | None = Field(
        None, description="which of open_clip's published weights the file holds (openai): their transform, QuickGELU"
    )
    preprocess: Preprocess | None = Field(
        None, description="default: the tag's; with none, what all tags of the architecture agree on, else CLIP's own"
    )
    tokenizer: str | None = Field(None, description="a folder, for an architecture whose tokenizer is a hub's (SigLIP)")

    @property
    def seen(self) -> tuple[Settings, str | None, str | None]:
        said = self.preprocess.model_dump(exclude_none=True) if self.preprocess else {}
        return tuple(said.items()), self.tag, self.tokenizer


class OpenClip(OfOpenClip):
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


class Writing(Section):
    """How a captioner writes. Lengths are in tokens and count the prompt."""

    method: Method = Field("nucleus", description="nucleus sampling, the likeliest token each time, or a beam search")
    top_p: float = Field(0.9, gt=0, le=1, description="nucleus: draw from the likeliest tokens that have this share")
    min_length: int = Field(10, ge=0, le=1024)
    max_length: int | None = Field(None, ge=2, le=1024, description="default 30, or what the model has places for")
    repetition_penalty: float | None = Field(None, gt=0, description="default 1.1 for nucleus, else 1")
    beams: int = Field(3, ge=1, le=64)

    @model_validator(mode="after")
    def _lengths(self) -> "Writing":
        longest = LONGEST if self.max_length is None else self.max_length
        if self.min_length > longest:
            raise ValueError(f"min_length {self.min_length} is more than max_length {longest}")
        return self

    def written(self, prompt: str, seed: int) -> Generation:
        how = (self.method, prompt, self.top_p, self.min_length, self.max_length, self.repetition_penalty)
        return Generation(*how, self.beams, seed)


class Writer(Writing):
    prompt: str = Field(PROMPT, description="what every caption begins with; it is not part of it")

    def generation(self, seed: int) -> Generation:
        return self.written(self.prompt, seed)


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


class CocaCaptioner(Writer, OfOpenClip):
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


Role = Literal["scorer", "captioner", "matcher"]


class Trained(Writing):
    """The round's own model. A scorer, cross-fitted, is trained as `loop.scorer` says; a captioner and a matcher as
    `loop.captioning` does. Data: what the filters before the first item that needs one keep, and `loop.trusted`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants", populate_by_name=True)
    kind: Literal["trained"]
    role: Role = Field("scorer", alias="as", description="scorer, captioner or matcher")
    batch: int = Field(64, ge=1, le=4096, description="images at once when it measures")
    trained_on: Literal["pool", "trusted"] = Field(
        "pool", description="trusted: on the trusted pairs alone, a data filtering network (arXiv 2309.17425)"
    )
    prompt: str | None = Field(None, description="what every caption begins with; default: what it was fine-tuned with")
    texts: tuple[str, ...] = Field((), description="captions: a scorer then writes too, the nearest of these")

    @model_validator(mode="after")
    def _fits(self) -> "Trained":
        for key in sorted(self.model_fields_set & self.others()):
            others = "a captioner" if key in {*Writing.model_fields, "prompt"} else "a scorer"
            raise ValueError(f"`{key}` is of {others}, and this is a {self.role}")
        return self

    def others(self) -> set[str]:
        """The settings that have no meaning to its role."""
        writing = {*Writing.model_fields, "prompt"}
        scoring = set() if self.role == "scorer" else {"trained_on", "texts"}
        return (set() if self.role == "captioner" else writing) | scoring

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Any) -> dict[str, Any]:
        return {k: v for k, v in without_absent(self, handler(self)).items() if k not in self.others()}


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
        case Trained(role="captioner"):
            return {c.model_caption(name): caption_schema(name)}
        case Trained(role="matcher"):
            return {c.match(name): match_schema(name)}
        case Trained():
            written = {c.model_caption(name): caption_schema(name)} if model.texts else {}
            return {**_score(name), **written}


def _score(name: str) -> dict[str, pa.Schema]:
    return {c.clip_score(name): pa.schema([(c.clip_score(name), pa.float32())])}


def _embedding(name: str) -> dict[str, pa.Schema]:
    return {c.embedding(name): c.embedding_schema(name, 1)}


Problem = tuple[tuple[str | int, ...], str]


def model_problems(models: dict[str, AnyModel], passes: Iterable[CorpusPass] = ()) -> list[Problem]:
    """What no single model can see: one that another is built on, and names that others have already.

    `passes` are the filters'. A family is a folder and a column is found by its name alone, so that of two with one
    name only the last would be measured.
    """
    return _built_on(models) + _named_twice(models, passes)


def _built_on(models: dict[str, AnyModel]) -> list[Problem]:
    problems: list[Problem] = []
    for name, model in models.items():
        if isinstance(model, LinearHead | ZeroShot):
            base = models.get(model.of)
            compares: tuple[type, ...] = (OpenClip, BlipEncoder)
            kinds = compares if isinstance(model, ZeroShot) else (*compares, Timm)
            if not isinstance(base, kinds):
                there = [n for n, m in models.items() if isinstance(m, kinds)]
                known = f"; there are {', '.join(there)}" if there else "; declare one"
                message = f"no model {model.of!r} of a kind that this can be built on{known}"
                problems.append((("models", name, "of"), message))
    return problems


def _named_twice(models: dict[str, AnyModel], passes: Iterable[CorpusPass]) -> list[Problem]:
    taken = {*c.POOL.names, *c.SUBSET.names, *c.ALT_TEXT_COUNTS.names}
    taken |= {name for signal in PLAIN for name in (signal.family, *signal.schema.names)}
    taken |= {name for work in passes if work.schema is not None for name in work.schema.names}
    problems: list[Problem] = []
    own_name = (LinearHead, ZeroShot)  # the others' columns have a prefix: it is not they that should be renamed
    for name, model in sorted(models.items(), key=lambda item: isinstance(item[1], own_name)):
        measured = measured_by(name, model)
        own = list(dict.fromkeys([*measured, *(column for schema in measured.values() for column in schema.names)]))
        if both := [one for one in own if one in taken]:
            problems.append((("models", name), f"there is a column {both[0]!r} already; give the model another name"))
        taken.update(own)
    return problems
