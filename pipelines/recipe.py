"""The recipe: one YAML file that says all of a run. A mistake is reported as `file:line:col: what, and what to write`.

All mistakes of a file are reported at once. Paths are relative to the recipe's folder.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from curate.corpus import CorpusPass
from curate.errors import InputError, RecipeError, did_you_mean
from curate.filters import FILTERS, Filter
from pipelines.recipe_download import Download, download_problems
from pipelines.recipe_eval import PATHS, Evaluation
from pipelines.recipe_loop import training_problems
from pipelines.recipe_models import FromFile, LinearHead, Model, OfOpenClip, Trained, model_problems
from pipelines.recipe_source import Location, Source
from pipelines.recipe_training import Captioning, Loop, Section, Train, Training, complete

VERSION = 1
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$")]  # it becomes a folder's and a column's


class ImageFolder(Section):
    folder: str
    table: str = Field(description="csv, tsv, jsonl or parquet with the columns file and caption")


class Input(Section):
    """One of: urls, table, webdataset, img2dataset, images."""

    urls: str | list[str] | None = Field(None, description="lists: txt, csv, tsv, json, jsonl, parquet, and .gz")
    table: str | list[str] | None = Field(None, description="Parquet files with a column of image bytes")
    webdataset: str | list[str] | None = Field(None, description="tars, read in place")
    img2dataset: str | None = Field(None, description="a folder that img2dataset wrote, failures included")
    images: ImageFolder | None = None
    url_column: str = "url"
    caption_column: str = "caption"
    image_column: str = "jpg"
    label_column: str = "label"
    file_column: str = "file"
    hash_column: str = Field("sha256", description="of a URL list: the sha256 that the bytes at the URL should have")

    @model_validator(mode="after")
    def _one_of(self) -> "Input":
        given = [name for name in KINDS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(KINDS)}" + (f", not {' and '.join(given)}" if given else ""))
        return self

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name) is not None)


Statistic = Literal[
    "image_stats", "text_stats", "language", "caption_quality", "phash", "hashes", "alt_text_counts", "hash_pairs"
]
KINDS = ("urls", "table", "webdataset", "img2dataset", "images")


class DatasetOut(Section):
    samples_per_shard: int = Field(1000, ge=1, le=100_000)


class Gates(Section):
    min_success_rate: float = Field(0.0, ge=0, le=1)
    min_kept: int = Field(0, ge=0)


class Engine(Section):
    kind: Literal["ray", "serial"] = "ray"
    address: str = "local"
    workers: int | None = Field(None, ge=1, description="default: one per CPU core")
    stall: float = Field(600, gt=0, description="seconds without any finished unit before workers are ended")


class Recipe(Section):
    version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=100)
    seed: int = Field(0, ge=0)
    run_dir: str
    input: Input
    models: dict[Name, Model] = Field({})
    download: Download = Download()
    samples_per_shard: int = Field(1000, ge=1, le=1000, description="rows of a pool shard, the unit of work")
    filters: list[Any] = Field([])
    statistics: list[Statistic] = Field(
        ["image_stats", "text_stats", "language", "phash", "alt_text_counts", "hash_pairs"],
        description="measured beside what the filters read, for stats, report and whatif",
    )
    dataset: DatasetOut = DatasetOut()
    gates: Gates = Gates()
    train: Train | None = None
    eval: list[Evaluation] = Field([])
    loop: Loop | None = None
    engine: Engine = Engine()

    def trained(self) -> list[str]:
        """The names of the models that a round trains before it scores with them."""
        return [name for name, model in self.models.items() if isinstance(model, Trained)]

    def resolved(self) -> str:
        """The recipe as YAML with every default written out."""
        data = self.model_dump(mode="json", by_alias=True, exclude={"filters"})
        data["filters"] = [{item.type: item.model_dump(mode="json", by_alias=True)} for item in self.filters]
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def load(path: str | Path, changes: Sequence[str] = ()) -> Recipe:
    """Read, change (`--set a.b=c`) and check a recipe. Raises RecipeError with every mistake in it."""
    source = Source.read(str(path))
    for change in changes:
        source.change(change)
    return build(source)


def build(source: Source) -> Recipe:
    data = complete(dict(source.data))
    problems: list[tuple[Location, str]] = []
    items = data.pop("filters", []) or []
    filters = [(i, _absolute_item(item, source.base)) for i, item in _filters(items, problems)]
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        problems += [_explain(e, Recipe) for e in error.errors()]
    problems += _agree(filters, set((data.get("models") or {}) if isinstance(data.get("models"), dict) else {}))
    if recipe is not None:
        problems += download_problems(recipe.download) + model_problems(recipe.models, _passes(filters))
        own = [item for _, item in filters]
        problems += training_problems(recipe.models, recipe.train, recipe.eval, recipe.loop, own, recipe.statistics)
        if not os.path.isabs(recipe.run_dir) and _full(recipe.run_dir, source.base) == str(source.base):
            problems.append((("run_dir",), "this is the recipe's own folder; a run writes its recipe.yaml there"))
    if problems or recipe is None:
        raise RecipeError(source.report(problems))
    absolute = _absolute(recipe, source.base)
    return absolute.model_copy(update={"filters": [item for _, item in filters]})


def _filters(items: Any, problems: list[tuple[Location, str]]) -> list[tuple[int, Filter]]:
    types = {cls.type: cls for cls in FILTERS}
    found: list[tuple[int, Filter]] = []
    if not isinstance(items, list):
        problems.append((("filters",), "filters is a list; begin each item with `- `"))
        return found
    for i, item in enumerate(items):
        if not isinstance(item, dict) or len(item) != 1:
            problems.append((("filters", i), "an item is one filter with its parameters: `- align_image: {}`"))
            continue
        (name, parameters), at = next(iter(item.items())), ("filters", i)
        if name not in types:
            problems.append(((*at, name), f"no filter is called {name!r}{did_you_mean(name, types)}"))
            continue
        try:
            found.append((i, types[name].model_validate(parameters or {})))
        except ValidationError as error:
            problems += [
                ((*at, name, *loc), message) for loc, message in (_explain(e, types[name]) for e in error.errors())
            ]
    return found


def _agree(filters: list[tuple[int, Filter]], models: set[str]) -> list[tuple[Location, str]]:
    """What no single item can see: names used twice, models that nobody declared."""
    problems: list[tuple[Location, str]] = []
    seen: set[str] = set()
    for i, item in filters:
        at: Location = ("filters", i, item.type)
        if item.stage in seen:
            problems.append((at, f"{item.stage!r} is there twice; give this one a `name`"))
        seen.add(item.stage)
        for model in sorted(item.models() - models):
            hint = did_you_mean(model, models) or "; declare it under `models`"
            problems.append(((*at, "model"), f"no model is called {model!r}{hint}"))
    return problems


def _passes(filters: list[tuple[int, Filter]]) -> list[CorpusPass]:
    found: list[CorpusPass] = []
    for _, item in filters:
        with suppress(InputError):  # of a file that is not there: told by the check, not instead of a mistake here
            found += item.passes()
    return found


def _explain(error: Any, model: type[BaseModel]) -> tuple[Location, str]:
    loc: Location = tuple(part for part in error["loc"] if not str(part).startswith("function-"))
    if len(loc) > 2 and loc[0] == "models":
        loc = (*loc[:2], *loc[3:])  # pydantic puts the kind there
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return loc, f"unknown key {loc[-1]!r}{did_you_mean(str(loc[-1]), _keys(model, loc[:-1]))}"
    if error["type"] == "missing":
        return loc, f"{'.'.join(map(str, loc))} is missing"
    given = error.get("input")
    shown = f" (it says {given!r})" if isinstance(given, str | int | float | bool) else ""
    return loc, f"{'.'.join(map(str, loc)) or 'here'}: {message}{shown}"


def _keys(model: Any, loc: Location) -> list[str]:
    for part in loc:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        if field is None:
            break
        inner = [a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if isinstance(a, type)]
        model = next((a for a in inner if issubclass(a, BaseModel)), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _absolute(recipe: Recipe, base: Path) -> Recipe:
    """Every path made absolute: relative ones are seen from the recipe's folder."""

    def full(value: Any) -> Any:
        return _full(value, base)

    given = recipe.input
    update = {name: full(getattr(given, name)) for name in KINDS if name != "images"}
    if given.images:
        update["images"] = ImageFolder(folder=full(given.images.folder), table=full(given.images.table))
    models = {name: _absolute_model(model, base) for name, model in recipe.models.items()}
    evaluations = [
        entry.model_copy(update={name: full(getattr(entry, name)) for name in PATHS}) for entry in recipe.eval
    ]
    train = recipe.train and recipe.train.model_copy(update=_absolute_start(recipe.train, base))
    changed = {
        "run_dir": full(recipe.run_dir),
        "input": given.model_copy(update=update),
        "models": models,
        "train": train,
        "eval": evaluations,
        "loop": recipe.loop and _absolute_loop(recipe.loop, base),
    }
    return recipe.model_copy(update=changed)


def _absolute_model(model: Any, base: Path) -> Any:
    if not isinstance(model, FromFile | LinearHead):
        return model
    weights = _full(model.weights, base)
    if isinstance(model, LinearHead):
        return model.model_copy(update={"weights": weights})
    if model.allow_download and not Path(weights).exists():  # the library's name for them
        weights = model.weights
    update = {"weights": weights, "arch": _arch(model.arch, base)}
    if isinstance(model, OfOpenClip) and model.tokenizer:
        update["tokenizer"] = _full(model.tokenizer, base)
    return model.model_copy(update=update)


def _absolute_start(section: Training, base: Path) -> dict[str, Any]:
    """What changes in a section about training: the architecture's path, and that of the weights it starts from."""
    update: dict[str, Any] = {"model": _arch(section.model, base)}
    if section.init is not None:
        weights = _full(section.init.weights, base)
        if section.init.allow_download and not Path(weights).exists():  # the library's name for them
            weights = section.init.weights
        update["init"] = section.init.model_copy(update={"weights": weights})
    return update


def _absolute_loop(loop: Loop, base: Path) -> Loop:
    update: dict[str, Any] = {"trusted": _full(loop.trusted, base)}
    if loop.oracle:
        update["oracle"] = loop.oracle.model_copy(update={"table": _full(loop.oracle.table, base)})
    if loop.scorer:
        update["scorer"] = loop.scorer.model_copy(update=_absolute_start(loop.scorer, base))
    if loop.captioning:
        update["captioning"] = _absolute_captioning(loop.captioning, base)
    return loop.model_copy(update=update)


def _absolute_captioning(captioning: Captioning, base: Path) -> Captioning:
    given = {name: getattr(captioning, name) for name in type(captioning).model_fields}
    made = {name: one and one.model_copy(update=_absolute_start(one, base)) for name, one in given.items()}
    return captioning.model_copy(update=made)


def _absolute_item(item: Filter, base: Path) -> Filter:
    update: dict[str, Any] = {name: _full(getattr(item, name), base) for name in item.paths}
    if item.parts():
        update["items"] = tuple(_absolute_item(part, base) for part in item.parts())
    return item.model_copy(update=update)


def _full(value: Any, base: Path) -> Any:
    if isinstance(value, list):
        return [_full(v, base) for v in value]
    if isinstance(value, dict):
        return {name: _full(v, base) for name, v in value.items()}
    return value if value is None or "://" in value else os.path.normpath(base / os.path.expanduser(value))


def _arch(arch: str, base: Path) -> str:
    """A config file's path, or a folder's of transformers, made absolute; a library's name as it is."""
    full = str(_full(arch, base)) if arch else arch
    return full if arch.endswith(".json") or (arch and os.path.isdir(full)) else arch
