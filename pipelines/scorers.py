"""Models of `kind: trained`: the round trains them on what it trusts so far, then they score the whole pool."""

from typing import Any

from curate import schema as c
from pipelines import stages
from pipelines.columns import families, read_by_filters
from pipelines.context import Context
from pipelines.models import only_trusted, trained
from pipelines.recipe import Gates, Recipe
from pipelines.train import fit, scorer_tasks
from pipelines.workspace import SHARED, Workspace, model_folder

NO_GATES = Gates()


def score(context: Context, source: Context | None = None) -> None:
    """Train the recipe's own models, and measure what they score. Nothing is done where nothing reads it.

    They are trained on the dataset of `source`, the round that was promoted last; in the first round on the samples
    that the filters before the first one that needs them keep.
    """
    recipe = context.recipe
    names = used(recipe)
    if not names:
        return
    tasks = []
    for name in names:
        if only_trusted(recipe, name):
            data = context.workspace
        else:
            data = source.workspace if source is not None else first_data(context, name)
        tasks += scorer_tasks(recipe, context.workspace, name, data)
    fit(context, "scorer", tasks)
    wanted_families = [c.clip_score(name) for name in names]
    stages.measure(context, "score", wanted_families, trained(recipe, context.workspace, names))


def used(recipe: Recipe) -> list[str]:
    """The models of `kind: trained` that a filter reads, in the recipe's order."""
    read = read_by_filters(recipe)
    return [name for name in recipe.trained() if c.clip_score(name) in read]


def first_data(context: Context, name: str) -> Workspace:
    """A dataset of what the filters keep that come before the first one that reads a model of `kind: trained`."""
    own = {c.clip_score(model) for model in context.recipe.trained()}
    first = next(i for i, item in enumerate(context.recipe.filters) if item.reads() & own)
    inner = with_filters(context, model_folder(name), context.recipe.filters[:first], f"for {name}")
    stages.ask_filters(inner)
    stages.write_dataset(inner)
    return inner.workspace


def with_filters(context: Context, name: str, filters: list[Any], label: str, gates: Gates = NO_GATES) -> Context:
    """The same pool with its own filters, in a folder of the run. The recipe's gates are about its own dataset."""
    workspace = within(context, name)
    changes = {"filters": filters, "gates": gates, "run_dir": workspace.folder.url()}
    recipe = context.recipe.model_copy(update=changes)
    return context.at(workspace, recipe, f"{context.label} {label}".strip())


def within(context: Context, name: str) -> Workspace:
    """A folder of the run that sees the run's pool, and what is measured of it once for all rounds, as its own."""
    own = {c.clip_score(model) for model in context.recipe.trained()}
    signals = [f"signals/{family}" for family in families(context.recipe) if family not in own]
    return Workspace(context.folder.at(name, [*SHARED, *signals]))
