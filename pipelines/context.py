"""What every stage of a run works with, and how one is driven: plan what is missing, do it, tell what came of it."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from curate.errors import QuarantineError
from curate.files import Folder
from curate.manifest import Manifest
from pipelines.engine import attempts
from pipelines.engine.drive import Driver
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialEngine
from pipelines.engine.stop import Stop, watching
from pipelines.engine.unit import Engine, Task, Unit
from pipelines.lock import writer
from pipelines.plan import missing
from pipelines.progress import Progress
from pipelines.recipe import Recipe
from pipelines.workspace import LOGS, RUN_LOG, Workspace

OURS = re.compile(r"d?\d{5,}(\.\w+)?\.(tar|parquet)")  # what stages write into their folders


@dataclass
class Summary:
    """What a run came to."""

    run: str
    asked: int = 0
    downloaded: int = 0
    kept: int = 0
    images: int = 0
    made: int = 0  # units that were computed; 0 when everything was there
    quarantined: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    funnel: list[dict[str, Any]] = field(default_factory=list)
    report: str | None = None


@dataclass(frozen=True)
class Context:
    """A recipe, its run directory, and the means. An arm or a round has a context of its own, with the same means."""

    recipe: Recipe
    workspace: Workspace
    engine: Engine
    progress: Progress
    stop: Stop
    summary: Summary
    label: str = ""  # of a round or an arm, for people
    before: tuple[Workspace, ...] = ()  # the rounds that were promoted before this one, in order
    made: Counter[str] = field(default_factory=Counter)  # stage -> units that were computed, rounds and arms included
    seconds: dict[str, float] = field(default_factory=dict)  # stage -> how long it took, rounds and arms included

    @property
    def folder(self) -> Folder:
        return self.workspace.folder

    def at(self, workspace: Workspace, recipe: Recipe, label: str = "") -> "Context":
        summary = Summary(workspace.folder.url())
        return replace(self, workspace=workspace, recipe=recipe, summary=summary, label=label)

    def title(self, stage: str) -> str:
        return f"{stage} {self.label}".strip()

    def drive(
        self,
        name: str,
        units: Iterable[Unit],
        folders: list[str],
        task: Task,
        *,
        gpus: bool = False,
        planned: bool = False,
        stall: float | None = None,
    ) -> None:
        """Make the units that are missing, or all when they are `planned`; the run stops when one was given up.

        `stall`: seconds without a finished unit before workers are ended, where the recipe's are too few.
        """
        with self.stage(name):
            self.stop.check()
            manifests = {under: self.workspace.manifest(under) for under in folders}
            todo = list(units) if planned else missing(units, manifests)
            self.progress.stage(self.title(name), sum(unit.rows for unit in todo))
            if todo:
                self._do(name, todo, folders, task, gpus, stall or 0)
            done = self.workspace.manifest(folders[0]).rows() if folders else 0
            self.progress.end(f"{len(todo)} units" if todo else f"{done:,} rows were there")
            self.made[name] += len(todo)

    def _do(self, name: str, todo: list[Unit], folders: list[str], task: Task, gpus: bool, stall: float) -> None:
        for under in folders:
            self.folder.sweep(under)
        driver = Driver(
            self.folder,
            self.engine.crew(task, self.folder, gpus=gpus),
            self.stop,
            max(self.recipe.engine.stall, stall),
            on_done=lambda unit: self.progress.advance(unit.rows),
            on_trouble=self.progress.note,
            leaves_out=getattr(task, "leaves_out", False),
        )
        came = driver.run(todo)
        for under in folders:
            remove_unnamed(self.workspace.manifest(under))
        if came.given_up:
            key, why = next(iter(came.given_up.items()))
            raise QuarantineError(
                f"{name}: {len(came.given_up)} units were given up after {attempts.NAME} counted their tries;"
                f" the first, {key.rsplit('/', 1)[0]}: {why.strip().splitlines()[-1]}",
                f"{self.folder.url(attempts.NAME)} has the whole traceback; remove that file to try them again",
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Notes in the run's log how long a stage took."""
        began = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - began
            self.seconds[name] = self.seconds.get(name, 0.0) + took
            self._log(name, took)

    def _log(self, stage: str, seconds: float) -> None:
        if not self.folder.local:
            return
        line = {"at": time.strftime("%FT%TZ", time.gmtime()), "stage": stage, "seconds": round(seconds, 3)}
        os.makedirs(self.folder.path(LOGS), exist_ok=True)
        with open(self.folder.path(RUN_LOG), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")


@contextmanager
def session(
    recipe: Recipe, progress: Progress, engine: Engine | None = None, stop: Stop | None = None
) -> Iterator[Context]:
    """A context of the recipe's run directory, which it locks; an engine that was not given is made and closed."""
    workspace, means = Workspace.at(recipe.run_dir), engine or make_engine(recipe)
    with writer(workspace), watching() if stop is None else nullcontext(stop) as watched:
        try:
            yield Context(recipe, workspace, means, progress, watched, Summary(recipe.run_dir))
        finally:
            if engine is None:
                means.close()


def make_engine(recipe: Recipe) -> Engine:
    if recipe.engine.kind == "serial":
        return SerialEngine()
    return RayEngine(recipe.engine.address, recipe.engine.workers)


def drop_stale(manifest: Manifest, shards: set[str]) -> None:
    """Shards that the input no longer has. The manifest first: files that it does not name do not count."""
    stale = sorted(set(manifest.entries) - shards)
    if not stale:
        return
    entries = [manifest.entries.pop(shard) for shard in stale]
    manifest.save()
    for entry in entries:
        for base in entry.files:
            manifest.folder.remove(f"{manifest.under}/{base}")


def remove_unnamed(manifest: Manifest) -> None:
    """Files of shards that a process wrote and died before the manifest named them."""
    named = {base for entry in manifest.entries.values() for base in entry.files}
    for name in manifest.folder.names(manifest.under):
        if name not in named and OURS.fullmatch(name):
            manifest.folder.remove(f"{manifest.under}/{name}")
