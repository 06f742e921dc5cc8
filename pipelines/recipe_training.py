"""The recipe's sections about models that the run trains: `kind: trained`, train, eval and loop."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from curate.errors import did_you_mean
from curate.filters.rule import without_absent
from model_training.data.captions import Captions, Draw
from model_training.trainers.objectives import OBJECTIVES

Beta = Annotated[float, Field(ge=0, lt=1)]
ArmName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_+-]*$")]  # it becomes a folder's


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Any) -> dict[str, Any]:
        return without_absent(self, handler(self))


class Init(Section):
    """What a model starts from, in place of a draw by the seed."""

    weights: str = Field(description="a .safetensors file; with allow_download also a name that the library knows")
    part: Literal["all", "image", "text"] = Field("all", description="the whole model, or one tower of it")
    allow_download: bool = False
    sha256: str | None = Field(None, description="refuse other weights than these")


class CaptionDraw(Section):
    """Which of an image's texts a visit is trained with."""

    draw: Draw = Field("uniform", description="uniform, first (the best one), origin (by shares) or score")
    shares: dict[str, float] = Field({}, description="origin: {web: 0.5, synthetic: 0.5}")
    score: str | None = Field(None, description="score: the column, among the scores that the dataset keeps")

    @model_validator(mode="after")
    def _fits(self) -> "CaptionDraw":
        Captions(self.draw, tuple(sorted(self.shares.items())), self.score)
        return self


class Training(Section):
    """What one model is trained with: `train` for the compared models, `loop.scorer` for those that curate."""

    objective: str = Field("clip", description=f"what it learns: {', '.join(OBJECTIVES)}")
    model: str = Field("tiny", description="tiny, small, a name of the objective's library, or a config's path (.json)")
    options: dict[str, Any] = Field({}, description="of the objective; without them, what its paper says")
    init: Init | None = Field(None, description="start from these weights")
    captions: CaptionDraw = Field(CaptionDraw(), description="of several texts of an image")
    samples_seen: int = Field(ge=1, description="how many pairs the model sees, repeats counted: its compute")
    batch: int = Field(64, ge=2, le=65_536, description="pairs, over all workers")
    accumulate: int = Field(1, ge=1, description="encode a worker's rows in so many parts: less memory, same gradient")
    optimizer: Literal["adamw", "lamb", "lion", "adafactor", "sgd"] = "adamw"
    schedule: Literal["published", "cosine", "linear", "constant", "exponential"] = "published"
    lr: float = Field(3e-3, gt=0, allow_inf_nan=False)
    warmup: int = Field(40, ge=0, description="steps")
    weight_decay: float = Field(1.0, ge=0, allow_inf_nan=False)
    betas: tuple[Beta, Beta] = Field((0.9, 0.98), description="of the optimizer; SigLIP: 0.9, 0.95; DINO: 0.9, 0.999")
    eps: float = Field(1e-6, gt=0, allow_inf_nan=False)
    clip_norm: float | None = Field(1.0, gt=0)
    ema: float | None = Field(None, gt=0, lt=1, description="keep this decaying average of the weights, and write it")
    flip: bool = True
    crop_area: float = Field(1.0, gt=0, le=1, description="1: the whole square; less: a random one of that area")
    resampled: bool = Field(False, description="draw shards with replacement, as open_clip's --dataset-resampled")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the forward pass; weights stay float32"
    )
    compile: bool = Field(False, description="by torch.compile")
    checkpointing: bool = Field(False, description="compute activations again instead of keeping them")
    threads: int = Field(1, ge=1, le=256, description="that compute")
    loaders: int = Field(1, ge=1, le=256, description="threads that decode")

    @field_validator("objective")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in OBJECTIVES:
            near = did_you_mean(name, list(OBJECTIVES))
            raise ValueError(f"no objective {name!r}{near}; there are {', '.join(OBJECTIVES)}")
        return name

    @field_validator("options")
    @classmethod
    def _typed(cls, given: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """As the objective takes them: YAML reads 1e-6 as a text."""
        name = info.data.get("objective")
        if name is None:  # refused already
            return given
        kind = OBJECTIVES[name].options
        names = [field.name for field in fields(kind)]
        if unknown := sorted(set(given) - set(names)):
            there = f"; it has {', '.join(names)}" if names else "; it has none"
            raise ValueError(f"{name} has no option {unknown[0]!r}{there}")
        try:
            typed: Any = TypeAdapter(kind).validate_python(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        return {key: getattr(typed, key) for key in given}

    @model_validator(mode="after")
    def _objective(self) -> "Training":
        known = OBJECTIVES[self.objective]
        if self.ema is not None and known.family == "timm":
            raise ValueError(f"{self.objective} writes a teacher, which is an average already: take `ema` out")
        if self.model in ("tiny", "small") and self.model not in known.sizes:
            raise ValueError(f"{self.objective} has no size {self.model!r}: name a model of {known.family}'s")
        if known.needs_init and self.init is None:
            raise ValueError(f"{self.objective} starts from trained weights: give `init: {{weights: PATH}}`")
        return self

    @property
    def arch(self) -> str:
        return OBJECTIVES[self.objective].sizes.get(self.model, self.model)


def unable(section: Training, need: str) -> str | None:
    """What its models lack of what is needed ("images+texts"), with the objectives that have it."""
    wanted = set(need.split("+"))
    lacking = sorted(wanted - OBJECTIVES[section.objective].does)
    others = ", ".join(name for name, known in OBJECTIVES.items() if wanted <= known.does)
    return f"{section.objective} trains none that give {' and '.join(lacking)}; {others} do" if lacking else None


class Train(Training):
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)
    workers: int = Field(1, ge=1, le=1024, description="1: models train side by side; more: each over this many")

    @model_validator(mode="after")
    def _share(self) -> "Train":
        if self.batch % self.workers:
            raise ValueError(f"a batch of {self.batch} cannot be shared by {self.workers} workers")
        if self.batch // self.workers % self.accumulate:
            raise ValueError(
                f"{self.batch // self.workers} rows of a worker cannot be cut into {self.accumulate} parts"
            )
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is there twice")
        return self


class Scorer(Training):
    """What is not said here is as in `train`; of another objective not its model, options and starting weights."""

    folds: int = Field(2, ge=1, le=100, description="a sample is scored by the model that has not seen its fold")
    members: int = Field(1, ge=1, le=100, description="models for each fold, of other seeds: their mean cosine scores")
    rounds: int = Field(
        1, ge=1, le=100, description="mean with the scorers of so many promoted rounds, this one included"
    )
    trusted_repeats: int = Field(3, ge=0, description="how often a trusted pair is in one pass over the data")

    @model_validator(mode="after")
    def _parts(self) -> "Scorer":
        if self.batch % self.accumulate:
            raise ValueError(f"a batch of {self.batch} cannot be cut into {self.accumulate} parts")
        return self


class Pretraining(Training):
    """What the round's captioner and matcher start from: web and trusted pairs. Defaults are measured for `tiny`."""

    objective: str = Field("blip", description="blip, or coca, of which there is no matcher")
    lr: float = Field(3e-3, gt=0, allow_inf_nan=False)
    warmup: int = Field(50, ge=0, description="steps")
    weight_decay: float = Field(0.05, ge=0, allow_inf_nan=False)
    betas: tuple[Beta, Beta] = Field((0.9, 0.999))
    trusted_repeats: int = Field(3, ge=0, description="how often a trusted pair is in one pass over the data")

    @model_validator(mode="after")
    def _writes(self) -> "Pretraining":
        if self.objective not in TUNED:
            raise ValueError(f"captioners are pre-trained by {' or '.join(TUNED)}, not by {self.objective}")
        return self


class FineTuning(Training):
    """A copy of the pre-trained model, trained on the trusted pairs alone. Objective and model follow from it.

    The rate is measured for `tiny` on the planted web (4,000 samples of 600 pairs): the matcher's AUC .85 to .91, the
    captioner's CIDEr-D .23 to .28, and of both less at 3e-4. Its probabilities mean little: choose by `top`.
    """

    samples_seen: int = Field(ge=1, description="leave the section out for none: the pre-trained weights as they are")
    lr: float = Field(1e-3, gt=0, allow_inf_nan=False)
    warmup: int = Field(0, ge=0, description="steps")
    weight_decay: float = Field(0.05, ge=0, allow_inf_nan=False)
    betas: tuple[Beta, Beta] = Field((0.9, 0.999))

    @model_validator(mode="before")
    @classmethod
    def _follows(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("init") is not None:
            raise ValueError("it starts from what loop.captioning.pretrain made: take `init` out")
        return given


class Captioning(Section):
    """The round's own captioner and matcher (BLIP's CapFilt, arXiv 2201.12086, 3.3): one pre-training, two copies."""

    pretrain: Pretraining
    captioner: FineTuning | None = Field(None, description="none: it writes with the pre-trained weights")
    matcher: FineTuning | None = Field(None, description="none: it matches with the pre-trained weights")

    @model_validator(mode="after")
    def _copies(self) -> "Captioning":
        objectives = TUNED[self.pretrain.objective]
        for part, section in (("captioner", self.captioner), ("matcher", self.matcher)):
            if section is None:
                continue
            if part not in objectives:
                raise ValueError(f"{self.pretrain.objective} makes no {part}: pre-train by blip, or take `{part}` out")
            if (section.objective, section.model) != (objectives[part], self.pretrain.model):
                raise ValueError(
                    f"a {part} is a copy of the pre-trained {self.pretrain.model}, tuned by {objectives[part]}: "
                    f"take `objective` and `model` out of `{part}`"
                )
        return self


TUNED = {"blip": {"captioner": "blip_captioner", "matcher": "blip_matcher"}, "coca": {"captioner": "coca"}}
OWN = {"objective", "options", "init", "captions", "samples_seen", "lr", "warmup", "ema", "schedule", "resampled"}


class Guards(Section):
    """What a round must hold beside its evaluations to be promoted: loops collapse before their metrics do.

    null asks nothing. Counts are of the kept texts; a word counts that five of the pool's texts have.
    """

    min_coverage: float | None = Field(
        0.8, ge=0, le=1, description="share of the words that the round before covered, which this one covers too"
    )
    min_agreement: float | None = Field(
        0.2, ge=0, le=1, description="images that both rounds keep, of those that either keeps (Jaccard)"
    )
    max_synthetic: float | None = Field(0.9, ge=0, le=1, description="share of synthetic texts")
    min_distinct_texts: float | None = Field(
        0.5, ge=0, description="distinct texts, as a share of how many the round before had"
    )
    max_top_text: float | None = Field(0.9, ge=0, le=1, description="share of texts that are the most frequent one")
    max_repeated_images: float | None = Field(
        None, ge=0, le=1, description="share of images whose perceptual hash another kept image has"
    )


class Oracle(Section):
    """Where the truth is known: the uids that are right."""

    table: str = Field(description="a Parquet table with a column uid, or a DataComp .npy of uids")
    column: str | None = Field(None, description="a boolean column of the table: only its true rows")


class Loop(Section):
    rounds: int = Field(1, ge=1, le=100, description="turns of score, filter, train and evaluate, the first included")
    trusted: str | None = Field(None, description="an image table of pairs that are known to be right")
    scorer: Scorer | None = None
    captioning: Captioning | None = None
    guards: Guards = Guards()
    arms: list[Literal["raw", "random"]] = Field(
        ["raw", "random"],
        description="what the curated set is compared with: all samples; as many images at random, one text each",
    )
    ablations: dict[ArmName, dict[str, dict[str, Any] | None]] = Field(
        {}, description="more arms: a name, and what is different of the filters: {capfilt: {matcher: null}}, or null"
    )
    oracle: Oracle | None = None

    def sections(self) -> tuple[Training | None, ...]:
        """Those that say how a model is trained, as far as they are there."""
        own = self.captioning
        return (self.scorer, *((own.pretrain, own.captioner, own.matcher) if own else ()))


def complete(data: dict[str, Any]) -> dict[str, Any]:
    """The recipe's data with `loop.scorer` filled from `train`, and fine-tuning from pre-training.

    What is malformed is left for the checks.
    """
    train, loop = data.get("train"), data.get("loop")
    trained = _trained(data.get("models"))
    if isinstance(loop, dict) and isinstance(loop.get("captioning"), dict):
        loop = {**loop, "captioning": _tuned(loop["captioning"])}
        data = {**data, "loop": loop}
    if not isinstance(train, dict) or not (trained or isinstance(loop, dict)):
        return data
    loop = dict(loop) if isinstance(loop, dict) else {}
    scorer = loop.get("scorer") or {}
    if not isinstance(scorer, dict):
        return data
    own = (
        {"model", "options", "init"} if scorer.get("objective") not in (None, train.get("objective", "clip")) else set()
    )
    shared = {key: value for key, value in train.items() if key in Training.model_fields and key not in own}
    return {**data, "loop": {**loop, "scorer": {**shared, **scorer}}}


def _tuned(captioning: dict[str, Any]) -> dict[str, Any]:
    """With the objectives of the copies, and what they share with their pre-training."""
    pretrain = captioning.get("pretrain")
    if not isinstance(pretrain, dict):
        return captioning
    objectives = TUNED.get(str(pretrain.get("objective", "blip")), {})
    shared = {key: value for key, value in pretrain.items() if key in Training.model_fields and key not in OWN}
    filled = {
        part: {**shared, "objective": objectives[part], **captioning[part]}
        for part in objectives
        if isinstance(captioning.get(part), dict)
    }
    return {**captioning, **filled}


def _trained(models: Any) -> list[str]:
    if not isinstance(models, dict):
        return []
    return [name for name, model in models.items() if isinstance(model, dict) and model.get("kind") == "trained"]
