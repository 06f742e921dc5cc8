"""Which folder of a run holds which column, and so what must run for the columns that a recipe reads."""

from collections.abc import Iterable

import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, widest
from curate.corpus.alt_text_counts import AltTextCounts
from curate.corpus.hash_pairs import HashPairs
from curate.errors import RecipeError
from curate.signal_store import family_folder, pass_folder
from curate.signals.plain import PLAIN
from pipelines.recipe import Recipe
from pipelines.recipe_models import measured_by
from pipelines.workspace import POOL

PASSES: tuple[type[CorpusPass], ...] = (AltTextCounts, HashPairs)


def schemas(recipe: Recipe) -> dict[str, pa.Schema]:
    """folder -> its columns, for every folder of samples that a run of this recipe can have."""
    found = {POOL: c.POOL}
    for signal in PLAIN:
        found[family_folder(signal.family)] = signal.schema
    for name, model in recipe.models.items():
        for family, schema in measured_by(name, model).items():
            found[family_folder(family)] = schema
    for work in (*(kind() for kind in PASSES), *(work for item in recipe.filters for work in item.passes())):
        if work.schema is not None:
            found[pass_folder(work.name)] = work.schema
    return found


def homes(recipe: Recipe) -> dict[str, str]:
    """column -> folder, for every column that a run of this recipe can have."""
    return {column: under for under, schema in schemas(recipe).items() for column in schema.names}


def wanted(recipe: Recipe, columns: Iterable[str]) -> dict[str, list[str]]:
    """folder -> its columns among those. Raises RecipeError for a column that nothing measures."""
    places = homes(recipe)
    found: dict[str, list[str]] = {}
    for column in sorted(set(columns)):
        if column not in places:
            raise RecipeError(
                f"no signal is called {column!r}; there are {', '.join(sorted(places))}",
                "check the filter that reads it",
            )
        found.setdefault(places[column], []).append(column)
    return found


def read_by_filters(recipe: Recipe) -> set[str]:
    return set().union(*(item.reads() for item in recipe.filters))


def families(recipe: Recipe) -> list[str]:
    """The signal families that this recipe measures, sorted."""
    needed = {f.removeprefix("signals/") for f in wanted(recipe, read_by_filters(recipe)) if f.startswith("signals/")}
    plain = {signal.family for signal in PLAIN}
    needed |= {name for name in recipe.statistics if name in plain}
    for work in passes(recipe):
        needed |= {f.removeprefix("signals/") for f in work.reads if f.startswith("signals/")}
    return sorted(needed)


def passes(recipe: Recipe) -> list[CorpusPass]:
    """The corpus passes that this recipe runs, each after those that it reads; of two with one name the wider one."""
    folders = wanted(recipe, read_by_filters(recipe))
    plain = [kind() for kind in PASSES if kind.name in recipe.statistics or pass_folder(kind.name) in folders]
    return _in_order(widest([*plain, *(work for item in recipe.filters for work in item.passes())]))


def _in_order(found: dict[str, CorpusPass]) -> list[CorpusPass]:
    """By name, but a pass that reads another's columns comes after it."""
    waiting, ordered = dict(sorted(found.items())), []
    while waiting:
        folders = {pass_folder(name) for name in waiting}
        name = next((name for name, work in waiting.items() if not folders & set(work.reads)), None)
        if name is None:
            raise ValueError(f"the passes {sorted(waiting)} read one another")
        ordered.append(waiting.pop(name))
    return ordered
