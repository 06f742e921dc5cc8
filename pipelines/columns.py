"""Which folder of a run holds which column, and so what must run for the columns that a recipe reads."""

from collections.abc import Iterable

from curate import schema as c
from curate.corpus import CorpusPass
from curate.corpus.alt_text_counts import AltTextCounts
from curate.corpus.hash_pairs import HashPairs
from curate.errors import RecipeError
from curate.signal_store import family_folder, pass_folder
from pipelines.measure import PLAIN
from pipelines.recipe import Recipe
from pipelines.workspace import POOL

PASSES: tuple[type[CorpusPass], ...] = (AltTextCounts, HashPairs)


def homes(recipe: Recipe) -> dict[str, str]:
    """column -> folder, for every column that a run of this recipe can have."""
    found = {field.name: POOL for field in c.POOL}
    for signal in PLAIN:
        found |= dict.fromkeys(signal.schema.names, family_folder(signal.family))
    for work in PASSES:
        if work.schema is not None:
            found |= dict.fromkeys(work.schema.names, pass_folder(work.name))
    for model in recipe.models:
        found[c.clip_score(model)] = family_folder(c.clip_score(model))
    return found


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
    """The corpus passes that this recipe runs; of two with one name, the filters' own."""
    found: dict[str, CorpusPass] = {}
    folders = wanted(recipe, read_by_filters(recipe))
    for kind in PASSES:
        if kind.name in recipe.statistics or pass_folder(kind.name) in folders:
            found[kind.name] = kind()
    for item in recipe.filters:
        for work in item.passes():
            known = found.get(work.name)
            found[work.name] = work if known is None else max(known, work, key=lambda w: w.identity())
    return [found[name] for name in sorted(found)]
