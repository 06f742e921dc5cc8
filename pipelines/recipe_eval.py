"""The recipe's section `eval`: what trained models are judged by."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from curate.errors import did_you_mean
from model_training.evaluation import kinds
from model_training.evaluation.effective_robustness import LEAST
from model_training.evaluation.knn import KS
from pipelines.recipe_source import Location
from pipelines.recipe_training import Section

Places = str | list[str]
OPTIONS: dict[kinds.Kind, set[str]] = {  # that a kind knows, beside name, kind, data and use
    "zero_shot": {"classes", "shift_of", "baselines"},
    "retrieval": set(),
    "knn": {"train", "classes", "k", "per_class"},
    "linear_probe": {"train", "classes", "recipe", "iterations"},
    "captioning": set(),
    "winoground": set(),
    "caption_choice": set(),
    "winogavil": set(),
}
NEEDED: dict[kinds.Kind, tuple[str, ...]] = {"zero_shot": ("classes",), "knn": ("train",), "linear_probe": ("train",)}
DEFAULTS: dict[str, dict[str, Any]] = {"knn": {"k": list(KS)}, "linear_probe": {"recipe": "clip"}}


class Evaluation(Section):
    """One set, asked in one way.

    `use: select` is promoted by the kind's main metric: top1, mean_r1, knn20_top1, cider_d, group_score,
    caption_choice, jaccard_10_to_12.
    """

    name: str = Field(min_length=1, max_length=100)
    kind: kinds.Kind = Field(
        description="zero_shot | retrieval | knn | linear_probe | captioning | winoground | caption_choice | winogavil"
    )
    data: Places = Field(
        description="image tables (.parquet) and WebDataset tars; globs; a folder stands for its test/*.tar or *.tar."
        " zero_shot, knn, linear_probe: with `label` (for zero_shot perhaps a list: ReaL accuracy)."
        " retrieval, captioning: with captions. caption_choice: captions with the right one first, or a column"
        " negative_caption. winoground: Parquet of image_0, image_1, caption_0, caption_1."
        " winogavil: Parquet of cue, images (or candidates), associations"
    )
    train: Places | None = Field(
        None, description="knn, linear_probe: the labelled images that are learnt from; a folder: its train/*.tar"
    )
    classes: str | None = Field(
        None,
        description="zero_shot, and linear_probe's datacomp: a YAML of classes and templates, or a folder with"
        " CLIP_benchmark's classnames.txt and zeroshot_classification_templates.txt",
    )
    recipe: kinds.ProbeRecipe | None = Field(
        None,
        description="linear_probe: clip (default) | clip_benchmark | dinov2_logistic | dinov2_linear | datacomp."
        " dinov2_linear reads the last blocks of a model that shows them; of another its one vector, and only the"
        " learning rates are tried",
    )
    k: list[Annotated[int, Field(ge=1)]] | None = Field(
        None, min_length=1, description="knn: neighbours; by default 10, 20, 100 and 200, as far as images go"
    )
    per_class: int | None = Field(None, ge=1, description="knn: learn from so many of each class, drawn five times")
    iterations: int | None = Field(
        None, ge=1, description="linear_probe: not the published number of L-BFGS iterations, SGD steps or AdamW epochs"
    )
    shift_of: str | None = Field(
        None, description="zero_shot: the evaluation without the shift; adds effective robustness to the results"
    )
    baselines: str | None = Field(
        None,
        description="with shift_of: a table (.parquet, .csv, .yaml) of baseline models' accuracies, with a column"
        " named after each of the two evaluations; by default the other arms' models are the baselines",
    )
    use: Literal["report", "select"] = Field("report", description="promotion of a round reads only `select`")

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: Any) -> Any:
        """Written out, so that a resolved recipe tells them."""
        return {**DEFAULTS.get(str(data.get("kind")), {}), **data} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _needs(self) -> "Evaluation":
        for name in NEEDED.get(self.kind, ()):
            if getattr(self, name) is None:
                raise ValueError(f"{self.kind} needs `{name}`")
        known = set().union(*OPTIONS.values())
        for name in sorted(known - OPTIONS[self.kind]):
            if getattr(self, name) is not None:
                raise ValueError(f"{self.kind} has no `{name}`")
        if self.recipe == "datacomp" and self.classes is None:
            raise ValueError("datacomp's linear probe begins at the class names' vectors: it needs `classes`")
        if self.baselines is not None and self.shift_of is None:
            raise ValueError("`baselines` are of a shift: say `shift_of`")
        return self

    @property
    def places(self) -> tuple[str, ...]:
        return _places(self.data)

    @property
    def needs(self) -> kinds.Need:
        """What a model must be able to do to be judged."""
        return kinds.needs(self.kind, self.recipe)

    @property
    def asked(self) -> kinds.Evaluation:
        """As the evaluation itself takes it."""
        return kinds.Evaluation(
            self.name,
            self.kind,
            self.places,
            self.classes,
            _places(self.train or []),
            self.recipe,
            tuple(self.k or ()),
            self.per_class,
            self.iterations,
        )


PATHS = ("data", "train", "classes", "baselines")  # of an entry: relative ones are seen from the recipe's folder


def evaluation_problems(entries: Sequence[Evaluation], models: int) -> list[tuple[Location, str]]:
    """What no single entry can see: names used twice, shifts of evaluations that are not there, and shifts that lack
    baselines. `models` are those of the other arms, each seed's.
    """
    problems: list[tuple[Location, str]] = []
    names = [entry.name for entry in entries]
    others = {entry.name for entry in entries if entry.kind == "zero_shot"}
    for i, entry in enumerate(entries):
        if entry.name in names[:i]:
            problems.append((("eval", i, "name"), f"{entry.name!r} is there twice"))
        if entry.shift_of is not None and entry.shift_of not in others - {entry.name}:
            hint = did_you_mean(entry.shift_of, others - {entry.name})
            problems.append(
                (("eval", i, "shift_of"), f"no other zero_shot evaluation is called {entry.shift_of!r}{hint}")
            )
        elif entry.shift_of is not None and entry.baselines is None and models < LEAST:
            lacking = f"a line goes through {LEAST} baseline models, and the other arms have {models}"
            more = "name a table of them as `baselines`, or compare more arms or seeds"
            problems.append((("eval", i, "shift_of"), f"{lacking}: {more}"))
    return problems


def _places(given: Places) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
