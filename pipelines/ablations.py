"""Arms that leave out a part of the recipe, or change it, so that what the part gives can be read from a table.

`loop.ablations: {filter only: {capfilt: {captioner: null}}, none: {capfilt: null}}`: an item of `filters` by its name,
with what is different of it; null leaves it out. Such an arm sees what the first round has measured, and its models:
nothing is measured or trained for it, so it can ask no more than the filters do.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from curate import schema as c
from curate.corpus import CorpusPass, widest
from curate.corpus.alt_text_counts import AltTextCounts
from curate.corpus.hash_pairs import HashPairs
from curate.errors import InputError, did_you_mean
from curate.filters import Filter
from curate.signals.plain import PLAIN
from pipelines import comparison as cmp
from pipelines.recipe_models import AnyModel, Problem, measured_by
from pipelines.workspace import COMPARED

TAKEN = (*cmp.ORDER, COMPARED)
Changes = dict[str, dict[str, Any] | None]  # a filter's name -> its changed parameters, or nothing at all


def ablated(filters: Sequence[Filter], changes: Changes) -> list[Filter]:
    """The filters with these changes. Raises pydantic's ValidationError where a changed one is not possible."""
    return [_changed(item, changes.get(item.stage, {})) for item in filters if changes.get(item.stage, {}) is not None]


def _changed(item: Filter, changes: dict[str, Any] | None) -> Filter:
    if not changes:
        return item
    return type(item).model_validate({**item.model_dump(by_alias=True), **changes})


def ablation_problems(
    filters: Sequence[Filter],
    ablations: Mapping[str, Changes],
    models: Mapping[str, AnyModel] | None = None,
    statistics: Sequence[str] = (),
) -> list[Problem]:
    """What is wrong with them, where in the recipe. `statistics` are measured beside what the filters read."""
    problems: list[Problem] = []
    stages = [item.stage for item in filters]
    main = Asked.of(filters, models or {}, statistics)
    for name, changes in ablations.items():
        at: tuple[str | int, ...] = ("loop", "ablations", name)
        if name in TAKEN:
            problems.append((at, f"{name!r} is the name of another arm"))
        for stage in changes:
            if stage not in stages:
                problems.append(((*at, stage), f"no filter here is called {stage!r}{did_you_mean(stage, stages)}"))
        try:
            left = ablated(filters, changes)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, ("loop.ablations", name, *first["loc"])))
            problems.append((at, f"{where}: {first['msg'].removeprefix('Value error, ')}"))
            continue
        if left == list(filters) and not problems:
            problems.append((at, "changes nothing: it would be the curated set again"))
        for item in left:
            if beyond := next(main.lacks(item), None):
                problems.append(((*at, item.stage), f"{beyond}: give the arm a recipe of its own to `curate compare`"))
    return problems


@dataclass(frozen=True)
class Asked:
    """What is there once a recipe's own filters could be asked: columns, models and the tables of corpus passes."""

    columns: set[str]
    models: set[str]
    passes: dict[str, CorpusPass]

    @classmethod
    def of(cls, filters: Sequence[Filter], models: Mapping[str, AnyModel], statistics: Sequence[str]) -> "Asked":
        read = set[str]().union(*(item.reads() for item in filters))
        # A family is measured whole: with one of its columns the others are there too.
        plain = [(signal.family, set(signal.schema.names)) for signal in PLAIN]
        own = [(family, set(s.names)) for name, m in models.items() for family, s in measured_by(name, m).items()]
        counted: list[CorpusPass] = [AltTextCounts(), HashPairs()]
        tables = [(work.name, set(work.schema.names if work.schema else ())) for work in counted]
        there = {name: names for name, names in (*plain, *own, *tables) if name in statistics or names & read}
        works = [work for work in counted if work.name in there]
        named = set[str]().union(*(item.models() for item in filters))
        works += [work for item in filters for work in _passes(item)]
        return cls(read.union(c.POOL.names, *there.values()), named, widest(works))

    def lacks(self, item: Filter) -> Iterator[str]:
        """What this item would need that nothing measures or trains, in words."""
        for name in sorted(item.models() - self.models):
            yield f"no filter of the recipe asks the model {name!r}"
        for column in sorted(item.reads() - self.columns):
            yield f"no filter of the recipe reads {column!r}, so it is not measured"
        for work in _passes(item):
            known = self.passes.get(work.name)
            if known is None or widest([known, work])[work.name].identity() != known.identity():
                yield f"the corpus pass {work.name!r} does not run, or not so far, for the filters of the recipe"


def _passes(item: Filter) -> list[CorpusPass]:
    with suppress(InputError):  # of a file that is not there: told by the check
        return item.passes()
    return []
