"""Models of `kind: trained`: the round trains them on what it trusts so far, then they score the whole pool."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from curate.filters import Filter
from pipelines import stages
from pipelines.columns import families, read_by_filters, wanted
from pipelines.context import Context
from pipelines.models import (
    declared,
    fine_tuning,
    only_trusted,
    own_families,
    trained,
    trained_model,
    used,
    weights_of,
)
from pipelines.recipe import Gates, Recipe
from pipelines.recipe_loop import PRETRAINED, needs
from pipelines.recipe_models import AnyModel, measured_by
from pipelines.train import Task, fit, pretraining_task, scorer_tasks, tuning_task
from pipelines.workspace import SHARED, Workspace, model_folder

NO_GATES = Gates()


def score(context: Context, source: Context | None = None) -> None:
    """Train the recipe's own models, and measure what they score. Nothing is done where nothing reads it.

    They are trained on the dataset of `source`, the round that was promoted last; in the first round on the samples
    that the filters before the first one that needs them keep. Where scorers decide what captioner and matcher are
    pre-trained on, they come first.
    """
    recipe = context.recipe
    scorers = [name for name in used(recipe) if trained_model(recipe, name).role == "scorer"]
    others = [name for name in used(recipe) if name not in scorers]
    if source is None and any(needs(item, _models(recipe, scorers)) for item in _before(recipe, others)):
        _train(context, None, scorers)
        _train(context, None, others)
    else:
        _train(context, source, scorers + others)


def _train(context: Context, source: Context | None, names: Sequence[str]) -> None:
    """These models, and what they measure."""
    recipe = context.recipe
    if not names:
        return
    fit(context, "scorer", list(_first_tasks(context, source, names)))
    tuned = [name for name in names if trained_model(recipe, name).role != "scorer" and fine_tuning(recipe, name)]
    if tuned:
        fit(context, "fine-tune", [tuning_task(recipe, context.workspace, name) for name in tuned])
    own = set().union(*(measured_by(name, recipe.models[name]) for name in names))
    read = [under.removeprefix("signals/") for under in wanted(recipe, read_by_filters(recipe))]
    found = {**declared(recipe), **trained(recipe, context.workspace, names, context.before)}
    stages.measure(context, "score", [family for family in read if family in own], found)


def _first_tasks(context: Context, source: Context | None, names: Sequence[str]) -> Iterator[Task]:
    """The scorers, and the one pre-training of captioner and matcher."""
    recipe, workspace = context.recipe, context.workspace
    for folder in weights_of(recipe, workspace, names):
        if folder != PRETRAINED and trained_model(recipe, folder).role != "scorer":
            continue
        alone = folder != PRETRAINED and only_trusted(recipe, folder)
        data = workspace if alone else source.workspace if source else _first_data(context, folder)
        if folder == PRETRAINED:
            yield pretraining_task(recipe, workspace, data)
        else:
            yield from scorer_tasks(recipe, workspace, folder, data)


def _first_data(context: Context, folder: str) -> Workspace:
    """A dataset of what the filters keep that come before the first one that needs such a model.

    For a scorer no model of `kind: trained` may stand before it, for captioner and matcher a scorer may.
    """
    recipe = context.recipe
    alike = [n for n in recipe.trained() if folder != PRETRAINED or trained_model(recipe, n).role != "scorer"]
    before = _before(recipe, alike)
    inner = with_filters(context, model_folder(folder), before, f"for {folder}", seen=context.workspace.families())
    stages.ask_filters(inner)
    stages.write_dataset(inner)
    return inner.workspace


def _before(recipe: Recipe, names: Sequence[str]) -> list[Filter]:
    """The filters before the first one that needs one of these models."""
    models = _models(recipe, names)
    return list(takewhile(lambda item: not needs(item, models), recipe.filters))


def _models(recipe: Recipe, names: Sequence[str]) -> dict[str, AnyModel]:
    return {name: recipe.models[name] for name in names}


def with_filters(
    context: Context,
    name: str,
    filters: list[Any],
    label: str,
    gates: Gates = NO_GATES,
    seen: Sequence[str] = (),
) -> Context:
    """The same pool with its own filters, in a folder of the run. The recipe's gates are about its own dataset.

    `seen`: more folders of signals that it sees as its own.
    """
    workspace = within(context, name, seen)
    return context.at(workspace, asking(context.recipe, filters, workspace, gates), f"{context.label} {label}".strip())


def asking(recipe: Recipe, filters: list[Any], workspace: Workspace, gates: Gates = NO_GATES) -> Recipe:
    """The recipe with other filters, in another folder; an arm has neither rounds nor ablations of its own."""
    loop = recipe.loop
    if loop is not None and filters != recipe.filters:
        loop = loop.model_copy(update={"ablations": {}, "rounds": 1})
    return recipe.model_copy(
        update={"filters": filters, "gates": gates, "run_dir": workspace.folder.url(), "loop": loop}
    )


def within(context: Context, name: str, seen: Sequence[str] = ()) -> Workspace:
    """A folder of the run that sees the run's pool, and what is measured of it once for all rounds, as its own."""
    own = own_families(context.recipe)
    signals = [f"signals/{family}" for family in families(context.recipe) if family not in own]
    return Workspace(context.folder.at(name, [*SHARED, *dict.fromkeys([*signals, *seen])]))
