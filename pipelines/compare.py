"""Recipes against one another: each curates, the same model is trained on each dataset, and all are evaluated alike.

Budget, seeds and evaluations are those of the first recipe, so that only the data differ. What was found is written
as comparison-CONTENT.json and .html, so that another comparison does not overwrite it.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from curate.dataset import UNDER as DATASET
from curate.errors import InputError, QuarantineError
from curate.files import Folder, canonical_json, sha256
from curate.report.comparison_page import render_comparison
from pipelines import comparison as cmp
from pipelines.context import Context, make_engine, session
from pipelines.engine.stop import watching
from pipelines.engine.unit import Engine
from pipelines.evaluate import judge, specs_of
from pipelines.loop import sections
from pipelines.progress import Progress, Quiet
from pipelines.recipe import Recipe
from pipelines.recipe_training import Train
from pipelines.robustness import robustness
from pipelines.run import choose, fill, finish, refuse_empty
from pipelines.train import fit, tasks_of
from pipelines.workspace import COMPARED, Workspace, arm_folder

SECONDS = "seconds"  # the only part that another sitting may change


@dataclass
class Comparison:
    """What `curate compare` found: rows as in a round's record, each recipe being an arm."""

    samples_seen: int
    seeds: list[int]
    model: str
    objective: str
    batch: int
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)  # each recipe against the first, by every metric
    notes: list[str] = field(default_factory=list)  # what of a recipe does not count here
    seconds: dict[str, float] = field(default_factory=dict)  # of the sitting that did the work
    page: str = ""  # where it is written


def compare(
    recipes: Sequence[Recipe],
    seeds: int | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
    out: str | None = None,
) -> Comparison:
    """Run every recipe, train on what each made, compare, and write the comparison into `out`.

    Without `out` it lies beside the first recipe's run. Raises InputError for two of one run directory, and
    QuarantineError, when the comparison is written, if a run left rows out.
    """
    first = recipes[0]
    _, train = sections(first)
    if seeds is not None:
        train = train.model_copy(update={"seeds": list(range(seeds))})
    names = _names(recipes)
    told, means = progress or Quiet(), engine or make_engine(first)
    notes = _notes(recipes)
    for note in notes:
        told.note(note)
    clock = Clock()
    try:
        with ExitStack() as held:
            stop = held.enter_context(watching())
            runs = [held.enter_context(session(recipe, told, means, stop)) for recipe in recipes]
            contexts: dict[str, Context] = {}
            tasks = []
            for number, (name, run) in enumerate(zip(names, runs, strict=True)):
                fill(run)
                choose(run)
                refuse_empty(run)
                contexts[name] = _compared(run)
                tasks += tasks_of(run.recipe, run.workspace, f"compared {number}", train, contexts[name].workspace)
                clock.lap(f"curate {name}")
            fit(runs[0], "train", tasks, train.workers)
            clock.lap("train")
            judge(list(contexts.values()), first, specs_of(train))
            clock.lap("evaluate")
            found = _told(first, train, contexts, {name: run.workspace for name, run in zip(names, runs, strict=True)})
            found.notes = notes
            _write(found, clock.laps, Folder(out if out is not None else _beside(first.run_dir)))
            _finish(runs, found, told)
    finally:
        if engine is None:
            means.close()
    return found


def _finish(runs: Sequence[Context], found: Comparison, told: Progress) -> None:
    """Raises QuarantineError where a run left rows out; what was compared is written then, and told of."""
    try:
        for run in runs:
            finish(run)
    except QuarantineError:
        told.note(f"the recipes were compared all the same: {found.page}")
        raise


class Clock:
    """Seconds from lap to lap."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.laps[name], self._last = round(now - self._last, 1), now


def _compared(run: Context) -> Context:
    """A folder of its own in the run for these models: the run's may have another budget."""
    inner = run.at(Workspace(run.folder.at(arm_folder(COMPARED))), run.recipe)
    return replace(inner, summary=run.summary)


def _told(first: Recipe, train: Train, contexts: dict[str, Context], runs: dict[str, Workspace]) -> Comparison:
    found = Comparison(train.samples_seen, train.seeds, train.model, train.objective, train.batch)
    outcomes = {name: cmp.Outcomes.read(context.workspace) for name, context in contexts.items()}
    for name, context in contexts.items():
        dataset = runs[name].manifest(DATASET)
        found.arms[name] = {
            "samples": context.summary.kept,
            "images": context.summary.images,
            "asked": context.summary.asked,
            "bytes": sum(record["bytes"] for entry in dataset.entries.values() for record in entry.files.values()),
            "dataset": dataset.content(),
            "run": runs[name].folder.url(),
        }
    found.results = cmp.results(outcomes, first.eval, first.seed) + robustness(outcomes, first.eval)
    base, *others = contexts
    for evaluation in first.eval:
        main = outcomes[base].primary(evaluation)
        for key in (main, *(k for k in outcomes[base].values if k[0] == evaluation.name and k != main)):
            for name in others:
                row = cmp.paired(outcomes, name, base, key, first.seed)
                if row is not None:
                    told = {"use": evaluation.use, "arm": name, "against": base, "main": key == main}
                    found.differences.append({**told, **row})
    return found


def _write(found: Comparison, laps: dict[str, float], out: Folder) -> None:
    """The page and its numbers, under the content's name. Of what was there already, the seconds stand."""
    name = "comparison-" + sha256(canonical_json({**asdict(found), SECONDS: {}}))[:10]
    known = out.read_json(f"{name}.json") if out.exists(f"{name}.json") else None
    found.seconds = known[SECONDS] if known is not None else laps
    found.page = out.url(f"{name}.html")
    out.write(f"{name}.json", canonical_json(asdict(found)))
    out.write(f"{name}.html", render_comparison(asdict(found)).encode())


def _beside(run_dir: str) -> str:
    head, _, _ = run_dir.rstrip("/").rpartition("/")
    return head or "."


def _notes(recipes: Sequence[Recipe]) -> list[str]:
    """What the recipes say of rounds, the others also of training and judging, and what does not count here."""
    first, found = recipes[0], []
    for recipe in recipes:
        if recipe.loop is not None and recipe.loop.rounds > 1:
            rounds = f"its `loop` has {recipe.loop.rounds} rounds; what is compared is round 0"
            found.append(f"{recipe.name}: {rounds}, the dataset that `curate run` makes")
    for recipe in recipes[1:]:
        for key, counts in (("train", "budget of {} counts"), ("eval", "evaluations of {} count")):
            own = getattr(recipe, key)
            if own and own != getattr(first, key):
                found.append(f"{recipe.name}: its `{key}` is another; the {counts.format(first.name)} for all")
    return found


def _names(recipes: Sequence[Recipe]) -> list[str]:
    for i, recipe in enumerate(recipes):
        for other in recipes[:i]:
            for what, a, b in (("run_dir", recipe.run_dir, other.run_dir), ("name", recipe.name, other.name)):
                if a == b:
                    raise InputError(f"two of the recipes have the {what} {a!r}", f"give each a {what} of its own")
    return [recipe.name for recipe in recipes]
