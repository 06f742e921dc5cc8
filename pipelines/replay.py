"""A round made again from its record: the scorer is trained anew, the filters are asked, the dataset is written.

The pool and what was measured of it without a model of the run's own are read where they are. On the same kind of
machine with the same packages the dataset comes out byte for byte.
"""

import json
import os
import posixpath
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.dataset import UNDER as DATASET
from curate.errors import InputError, MachineError
from curate.files import Folder, sha256
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
from pipelines.workspace import POOL, RECIPE, SUBSET, Workspace, round_folder


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
    _refuse_taken(out, run, recipe.resolved())
    with session(recipe, progress or Quiet(), engine) as base:
        write_recipe(base)
        outer = base.at(original, recipe)
        mounts = within(outer, "").folder.mounts
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
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not the record of a round ({error})", "name a run's record.json") from error
    run = folder if "://" in folder else str(Path(folder or ".").resolve())
    for _ in range(steps):
        run = posixpath.dirname(run)
    return record, run
