"""A run from its input to its dataset: each stage plans what is missing, and only that is done."""

import json
import shlex
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from curate import dataset
from curate import schema as c
from curate.errors import GateError, MachineError, QuarantineError
from curate.manifest import Manifest
from curate.signals.clip_score import ClipScore
from model_training.models.open_clip import OpenClipSpec
from pipelines import corpus, decide, materialize
from pipelines.columns import families, passes
from pipelines.download.task import download_unit_task
from pipelines.engine import attempts
from pipelines.engine.drive import Driver
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialEngine
from pipelines.engine.stop import Stop, watching
from pipelines.engine.unit import Engine, Task, Unit
from pipelines.listing import list_input
from pipelines.lock import writer
from pipelines.measure import MeasureTask, plain_signal, signal_fingerprint
from pipelines.plan import missing
from pipelines.progress import Progress, Quiet
from pipelines.publish_report import publish_report
from pipelines.recipe import Recipe
from pipelines.workspace import INPUT, POOL, RECIPE, RUN_LOG, SUBSET, Workspace


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


@dataclass
class Runner:
    """Carries a recipe through its stages."""

    recipe: Recipe
    progress: Progress = field(default_factory=Quiet)
    engine: Engine | None = None

    def __post_init__(self) -> None:
        self.workspace = Workspace.at(self.recipe.run_dir)
        self.folder = self.workspace.folder
        self.summary = Summary(self.recipe.run_dir)
        self._engine: Engine = self.engine or make_engine(self.recipe)

    def run(self, *, report: bool = True) -> Summary:
        """All stages. Raises GateError, QuarantineError, MachineError, InputError or Interrupted."""
        with writer(self.workspace), watching() as stop:
            self._stop: Stop = stop
            try:
                self._write_recipe()
                self._list()
                self._pool()
                self._measure()
                self._corpus()
                self._decide()
                self._materialize()
                if report:
                    self._report()
            finally:
                if self.engine is None:
                    self._engine.close()
        if self.summary.quarantined:
            raise QuarantineError(
                f"{self.summary.quarantined} rows are quarantined: every process that handled them died",
                f"curate verify {shlex.quote(self.recipe.run_dir)} counts them; the rest of the run is done",
            )
        return self.summary

    # -- the stages ----------------------------------------------------------------------------------
    def _list(self) -> None:
        with self._stage("input"):
            self.progress.stage("input", 0)
            self.summary.asked = list_input(self.recipe, self.workspace, self.progress.advance)
            self.progress.end(f"{self.summary.asked:,} rows asked for")

    def _pool(self) -> None:
        listed = self.workspace.manifest(INPUT)
        task, mark = download_unit_task(self.recipe, self.folder)
        units = (
            Unit(POOL, shard, entry.rows, {POOL: mark(entry.content())}, shard)
            for shard, entry in sorted(listed.entries.items())
        )
        self._drive("download" if self.recipe.input.kind == "urls" else "ingest", units, [POOL], task)
        pool = self.workspace.manifest(POOL)
        _drop_stale(pool, set(listed.entries))
        states = pool.states()
        self.summary.outcomes = states
        self.summary.downloaded = states.get(c.Outcome.OK, 0)
        self.summary.quarantined += sum(len(e.quarantined) for e in pool.entries.values())
        share = self.summary.downloaded / max(1, pool.rows())
        if share < self.recipe.gates.min_success_rate:
            failed = sorted(((n, o) for o, n in states.items() if o != c.Outcome.OK), reverse=True)
            causes = ", ".join(f"{outcome}: {count:,}" for count, outcome in failed[:5])
            raise GateError(
                f"gates.min_success_rate: {share:.1%} of {pool.rows():,} rows were downloaded,"
                f" not {self.recipe.gates.min_success_rate:.1%} ({causes})",
                f"curate status {shlex.quote(self.recipe.run_dir)} --json has all outcomes; lower the gate to go on",
            )

    def _measure(self) -> None:
        pool, specs = self.workspace.manifest(POOL), encoders(self.recipe)
        marks = {family: family_mark(family, specs) for family in families(self.recipe)}
        folders = {family: self.workspace.manifest(f"signals/{family}") for family in marks}
        units = []
        for shard, entry in sorted(pool.entries.items()):
            wanted = {f"signals/{family}": mark(entry.content()) for family, mark in marks.items()}
            lacking = [
                under
                for under in wanted
                if missing(
                    [Unit("measure", shard, entry.rows, {under: wanted[under]}, None)],
                    {under: folders[under.removeprefix("signals/")]},
                )
            ]
            if lacking:
                spec = [under.removeprefix("signals/") for under in lacking]
                units.append(Unit("measure", shard, entry.rows, {u: wanted[u] for u in lacking}, spec))
        task = MeasureTask(self.folder, specs)
        self._drive("measure", units, [f"signals/{family}" for family in marks], task, gpus=bool(specs), planned=True)
        for family in marks:
            _drop_stale(self.workspace.manifest(f"signals/{family}"), set(pool.entries))

    def _corpus(self) -> None:
        works = passes(self.recipe)
        task = corpus.CorpusTask(self.folder, {work.name: work for work in works})
        pool = set(self.workspace.manifest(POOL).entries)
        for work in works:
            under = f"corpus/{work.name}"
            steps = [corpus.PARTIAL, corpus.MERGE] + ([corpus.SPREAD] if work.schema is not None else [])
            for step in steps:
                folder = f"{under}/partial" if step == corpus.PARTIAL else under
                self._drive(f"{work.name} {step}", corpus.units(self.workspace, work, step), [folder], task)
                if step == corpus.PARTIAL:
                    _drop_stale(self.workspace.manifest(folder), pool)
            _drop_stale(self.workspace.manifest(under), pool | {corpus.WHOLE})

    def _decide(self) -> None:
        with self._stage("filters"):
            self.progress.stage("filters", 0)
            decide.publish(self.recipe, self.workspace)
            self.summary.funnel = self.folder.read_json("funnel.json")
            kept = self.folder.read_table(SUBSET, [c.KEEP]).column(0)
            self.summary.kept = sum(kept.to_pylist())
            self.summary.images = self.summary.funnel[-1]["images"]
            self.progress.end(f"{self.summary.kept:,} of {len(kept):,} kept")
        if self.summary.kept < self.recipe.gates.min_kept:
            raise GateError(
                f"gates.min_kept: {self.summary.kept:,} samples were kept, not {self.recipe.gates.min_kept:,}",
                f"curate stats {shlex.quote(self.recipe.run_dir)} shows which rule dropped them",
            )

    def _materialize(self) -> None:
        units = list(materialize.units(self.recipe, self.workspace))
        self._drive("dataset", units, [dataset.UNDER], materialize.MaterializeTask(self.folder))
        materialize.finish(self.recipe, self.workspace, [unit.shard for unit in units])

    def _report(self) -> None:
        with self._stage("report"):
            self.progress.stage("report", 0)
            self.summary.report = publish_report(self.recipe, self.workspace)
            self.progress.end(self.summary.report)

    # -- one stage ------------------------------------------------------------------------------------
    def _drive(
        self,
        name: str,
        units: Iterable[Unit],
        folders: list[str],
        task: Task,
        *,
        gpus: bool = False,
        planned: bool = False,
    ) -> None:
        """Plan, do what is missing, and stop the run when a unit was given up."""
        with self._stage(name):
            self._stop.check()
            manifests = {under: self.workspace.manifest(under) for under in folders}
            todo = list(units) if planned else missing(units, manifests)
            self.progress.stage(name, sum(unit.rows for unit in todo))
            if todo:
                self._do(name, todo, folders, task, gpus)
            done = sum(m.rows() for m in (self.workspace.manifest(u) for u in folders[:1]))
            self.progress.end(f"{len(todo)} units" if todo else f"{done:,} rows were there")
            self.summary.made += len(todo)

    def _do(self, name: str, todo: list[Unit], folders: list[str], task: Task, gpus: bool) -> None:
        for under in folders:
            self.folder.sweep(under)
        crew = self._engine.crew(task, self.folder, gpus=gpus)
        driver = Driver(
            self.folder,
            crew,
            self._stop,
            self.recipe.engine.stall,
            on_done=lambda unit: self.progress.advance(unit.rows),
            on_trouble=self.progress.note,
        )
        came = driver.run(todo)
        if came.given_up:
            key, why = next(iter(came.given_up.items()))
            raise QuarantineError(
                f"{name}: {len(came.given_up)} units were given up after {attempts.NAME} counted their tries;"
                f" the first, {key.rsplit('/', 1)[0]}: {why.strip().splitlines()[-1]}",
                f"{self.folder.url(attempts.NAME)} has the whole traceback; remove that file to try them again",
            )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._log(name, time.monotonic() - began)

    def _log(self, stage: str, seconds: float) -> None:
        if not self.folder.local:
            return
        line = {"at": time.strftime("%FT%TZ", time.gmtime()), "stage": stage, "seconds": round(seconds, 3)}
        with open(self.folder.path(RUN_LOG), "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def _write_recipe(self) -> None:
        text = self.recipe.resolved().encode()
        if not self.folder.exists(RECIPE) or self.folder.read(RECIPE) != text:
            self._refuse_strangers()
            self.folder.write(RECIPE, text)

    def _refuse_strangers(self) -> None:
        """A folder that holds something else is not taken over."""
        names = [name for name in self.folder.names() if name != "logs"]
        if names and RECIPE not in names:
            raise MachineError(
                f"{self.recipe.run_dir}: this folder holds other things ({', '.join(names[:3])})",
                "set run_dir to a folder of its own",
            )


def make_engine(recipe: Recipe) -> Engine:
    if recipe.engine.kind == "serial":
        return SerialEngine()
    return RayEngine(recipe.engine.address, recipe.engine.workers)


def encoders(recipe: Recipe) -> dict[str, OpenClipSpec]:
    return {
        name: OpenClipSpec(name, m.arch, m.weights, m.allow_download, m.sha256, m.batch)
        for name, m in recipe.models.items()
    }


def family_mark(family: str, specs: dict[str, OpenClipSpec]) -> Callable[[str], str]:
    """pool shard's content -> fingerprint of the family there."""
    plain = plain_signal(family)
    if plain is not None:
        version, schema, identity = plain.version, plain.schema, plain.identity()
    else:
        spec = next(spec for name, spec in specs.items() if c.clip_score(name) == family)
        version, identity = ClipScore.version, (spec.identity, spec.batch)
        schema = pa.schema([(family, pa.float32())])
    return lambda content: signal_fingerprint(family, version, schema, identity, content)


def _drop_stale(manifest: Manifest, shards: set[str]) -> None:
    """Shards that the input no longer has. The manifest first: files that it does not name do not count."""
    stale = sorted(set(manifest.entries) - shards)
    if not stale:
        return
    entries = [manifest.entries.pop(shard) for shard in stale]
    manifest.save()
    for entry in entries:
        for base in entry.files:
            manifest.folder.remove(f"{manifest.under}/{base}")
