"""The recipe's sections about models that the run trains: `kind: trained`, train, eval and loop."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator

import model_training.models
from curate.filters.rule import without_absent

TINY = str(Path(model_training.models.__file__).with_name("tiny.json"))  # a CLIP for CPUs and minutes


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")

    @model_serializer(mode="wrap")
    def _as_written(self, handler: Any) -> dict[str, Any]:
        return without_absent(self, handler(self))


class Trained(Section):
    """The round's own CLIP: trained on what the filters before it kept and on `loop.trusted`, then it scores."""

    kind: Literal["trained"]
    batch: int = Field(64, ge=1, le=4096, description="images at once when it scores")
    trained_on: Literal["pool", "trusted"] = Field(
        "pool", description="trusted: on the trusted pairs alone, a data filtering network (arXiv 2309.17425)"
    )


class Training(Section):
    """What one model is trained with: `train` for the compared models, `loop.scorer` for those that curate."""

    model: str = Field("tiny", description="tiny, an open_clip name, or the path of a model config (.json)")
    samples_seen: int = Field(ge=1, description="how many pairs the model sees, repeats counted: its compute")
    batch: int = Field(64, ge=2, le=65_536, description="pairs, over all workers")
    lr: float = Field(3e-3, gt=0)
    warmup: int = Field(40, ge=0, description="steps")
    weight_decay: float = Field(1.0, ge=0)
    clip_norm: float | None = Field(1.0, gt=0)
    flip: bool = True
    crop_area: float = Field(1.0, gt=0, le=1, description="1: the whole square; less: a random one of that area")
    resampled: bool = Field(False, description="draw shards with replacement, as open_clip's --dataset-resampled")
    threads: int = Field(1, ge=1, le=256)

    @property
    def arch(self) -> str:
        return TINY if self.model == "tiny" else self.model


class Train(Training):
    objective: Literal["clip"] = "clip"
    seeds: list[Annotated[int, Field(ge=0)]] = Field([0], min_length=1)
    workers: int = Field(1, ge=1, le=1024, description="1: models train side by side; more: each over this many")

    @model_validator(mode="after")
    def _share(self) -> "Train":
        if self.batch % self.workers:
            raise ValueError(f"a batch of {self.batch} cannot be shared by {self.workers} workers")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed is there twice")
        return self


class Scorer(Training):
    """What is not said here is as in `train`."""

    folds: int = Field(2, ge=1, le=100, description="a sample is scored by the model that has not seen its fold")
    trusted_repeats: int = Field(3, ge=0, description="how often a trusted pair is in one pass over the data")


class Evaluation(Section):
    name: str = Field(min_length=1, max_length=100)
    kind: Literal["zero_shot", "retrieval"]
    data: str | list[str] = Field(description="image tables (.parquet) and WebDataset tars; globs")
    classes: str | None = Field(None, description="zero_shot: a YAML of classes and templates")
    use: Literal["report", "select"] = Field("report", description="promotion of a round reads only `select`")

    @model_validator(mode="after")
    def _needs(self) -> "Evaluation":
        if (self.kind == "zero_shot") != (self.classes is not None):
            raise ValueError("zero_shot needs `classes`" if self.classes is None else "retrieval has no `classes`")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        return (self.data,) if isinstance(self.data, str) else tuple(self.data)


class Oracle(Section):
    """Where the truth is known: the uids that are right."""

    table: str = Field(description="a Parquet table with a column uid, or a DataComp .npy of uids")
    column: str | None = Field(None, description="a boolean column of the table: only its true rows")


class Loop(Section):
    rounds: int = Field(1, ge=1, le=100, description="turns of score, filter, train and evaluate, the first included")
    trusted: str | None = Field(None, description="an image table of pairs that are known to be right")
    scorer: Scorer | None = None
    arms: list[Literal["raw", "random"]] = Field(["raw", "random"], description="what the curated set is compared with")
    oracle: Oracle | None = None


def complete(data: dict[str, Any]) -> dict[str, Any]:
    """The recipe's data with `loop.scorer` filled from `train`; what is malformed is left for the checks."""
    train, loop = data.get("train"), data.get("loop")
    trained = _trained(data.get("models"))
    if not isinstance(train, dict) or not (trained or isinstance(loop, dict)):
        return data
    loop = dict(loop) if isinstance(loop, dict) else {}
    scorer = loop.get("scorer") or {}
    if not isinstance(scorer, dict):
        return data
    shared = {key: value for key, value in train.items() if key in Training.model_fields}
    return {**data, "loop": {**loop, "scorer": {**shared, **scorer}}}


def _trained(models: Any) -> list[str]:
    if not isinstance(models, dict):
        return []
    return [name for name, model in models.items() if isinstance(model, dict) and model.get("kind") == "trained"]
