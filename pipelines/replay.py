"""A round made again from its record: the scorer is trained anew, the filters are asked, the dataset is written.

The pool and what was measured of it without a model of the run's own are read where they are. Of the pairs that the run
has accepted, those are copied that the round was trained with: more may have come since. On the same kind of machine
with the same packages the dataset comes out byte for byte.
"""

import json
import os
import posixpath
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.dataset import UNDER as DATASET
from curate.errors import InputError, MachineError
from curate.files import Folder, sha256
from curate.manifest import Entry
from pipelines.context import session
from pipelines.engine.unit import Engine
from pipelines.progress import Progress, Quiet
from pipelines.recipe import build
from pipelines.recipe_source import Source
from pipelines.record import packages
from pipelines.record_models import captioning, scorers
from pipelines.run import choose, write_recipe
from pipelines.scorers import within
from pipelines.stages import look_at_pool
from pipelines.workspace import POOL, RECIPE, SUBSET, TRUSTED, Workspace, round_folder


@dataclass(frozen=True)
class Replayed:
    """What a replay came to. `differences`: what is not as recorded, in words; none when it is the same dataset."""

    round: int
    run: str
    kept: int
    differences: list[str]


def replay(
    path: str, out: str, changes: list[str], progress: Progress | None = None, engine: Engine | None = None
) -> Replayed:
    """Make the round of a record.json again, in the folder `out`.

    Raises InputError for what is no record, and for a run whose pool is another than the recorded one.
    """
    record, run = _read(path)
    out = out if "://" in out else os.path.abspath(out)
    source = Source.parse(record["recipe"].encode(), f"the recipe in {path}", Path("/"))
    for change in changes:
        source.change(change)
    original = Workspace(Folder(run))
    recipe = build(source).model_copy(update={"run_dir": out})
    if original.manifest(POOL).content() != record["pool"]:
        raise InputError(
            f"{original.folder.url(POOL)}: not the pool that the record was made of", f"curate verify {run} looks at it"
        )
    tables = _accepted(original, record.get("accepted"), run)
    _refuse_taken(out, run, recipe.resolved())
    with session(recipe, progress or Quiet(), engine) as base:
        write_recipe(base)
        outer = base.at(original, recipe)
        mounts = tuple((name, root) for name, root in within(outer, "").folder.mounts if name != TRUSTED)
        _trust(original, Workspace(Folder(out)), tables)
        context = base.at(Workspace(Folder(out, mounts)), recipe)
        look_at_pool(context)
        before = _promoted(original, record["source"])
        choose(replace(context, before=before), base.at(before[-1], recipe) if before else None)
    found = {
        "the dataset": (record["dataset"], context.workspace.manifest(DATASET).content()),
        "the subset": (record["subset"], sha256(context.folder.read(SUBSET))),
    }
    differences = [f"{what} is another" for what, (then, now) in found.items() if then != now]
    data = before[-1] if before else None
    for part, told in (("scorers", scorers), ("captioning", captioning)):
        now = told(recipe, context.workspace, data)
        for name, then in record.get(part, {}).items():
            if now.get(name, {}).get("data") != then["data"]:
                differences.append(f"what {name} was trained on is another")
    if differences:
        now = packages()
        differences += [
            f"{name} was {version} and is {now.get(name, 'missing')}"
            for name, version in record["packages"].items()
            if now.get(name) != version
        ]
    return Replayed(record["round"], out, context.summary.kept, differences)


def _accepted(run: Workspace, told: dict[str, Any] | None, place: str) -> dict[str, Entry]:
    """The tables of accepted pairs that were there when the round was made: the first ones, because none is changed.

    Raises InputError where those are not what the record names.
    """
    if told is None:
        return {}
    now = run.manifest(TRUSTED)
    first = dict(sorted(now.entries.items())[: told["tables"]])
    if replace(now, entries=first).content() != told["content"]:
        raise InputError(
            f"{run.folder.url(TRUSTED)}: not the accepted pairs that the record was made of",
            f"curate verify {shlex.quote(place)} looks at them",
        )
    return first


def _trust(run: Workspace, mine: Workspace, tables: dict[str, Entry]) -> None:
    """Give a run directory these tables of another run's accepted pairs. Raises InputError for a damaged one."""
    theirs, own = run.manifest(TRUSTED), mine.manifest(TRUSTED)
    if own.content() == replace(own, entries=tables).content() and not any(map(own.damage, tables)):
        return
    for key, entry in tables.items():
        if damage := theirs.damage(key):
            raise InputError(damage, "give the table that was accepted to curate loop --accept again")
        for base in entry.files:
            name = f"{TRUSTED}/{base}"
            mine.folder.write(name, run.folder.read(name))
    own.entries = dict(tables)
    own.save()


def _promoted(run: Workspace, last: int | None) -> tuple[Workspace, ...]:
    """The rounds up to the last that was promoted: the first that is not ends a loop."""
    numbers = range(0 if last is None else last + 1)
    return tuple(Workspace(run.folder.at(round_folder(number))) if number else run for number in numbers)


def _refuse_taken(out: str, run: str, recipe: str) -> None:
    """Raises MachineError unless the folder is free, or this replay's own."""
    target, source = (os.path.abspath(p) if "://" not in p else p.rstrip("/") for p in (out, run))
    inside = target == source or target.startswith(f"{source}/") or source.startswith(f"{target}/")
    folder = Folder(out)
    if inside or (folder.exists(RECIPE) and folder.read(RECIPE) != recipe.encode()):
        raise MachineError(f"{out}: this is another run's folder", "give --to a folder of its own")


def _read(path: str) -> tuple[dict[str, Any], str]:
    """The record, and the run directory that it lies in."""
    folder, name = posixpath.split(path)
    try:
        record = json.loads(Folder(folder or ".").read(name))
        steps = round_folder(record["round"]).count("/") + 1 if record["round"] else 0
        for key in ("recipe", "pool", "dataset", "subset", "packages", "source"):
            record[key]
        if record.get("accepted") is not None:
            record["accepted"]["content"], int(record["accepted"]["tables"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not the record of a round ({error})", "name a run's record.json") from error
    run = folder if "://" in folder else str(Path(folder or ".").resolve())
    for _ in range(steps):
        run = posixpath.dirname(run)
    return record, run
