"""Recipes against one another: each curates, the same model is trained on each dataset, and all are evaluated alike.

Budget, seeds and evaluations are those of the first recipe, so that only the data differ.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from curate.errors import InputError
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
from pipelines.rounds import refuse_empty
from pipelines.run import choose, fill, finish
from pipelines.train import fit, tasks_of
from pipelines.workspace import COMPARED, Workspace, arm_folder


@dataclass
class Comparison:
    """What `curate compare` found: rows as in a round's record, each recipe being an arm."""

    samples_seen: int
    seeds: list[int]
    model: str
    arms: dict[str, dict[str, Any]] = field(default_factory=dict)
    results: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)  # each recipe against the first


def compare(
    recipes: Sequence[Recipe], seeds: int | None = None, progress: Progress | None = None, engine: Engine | None = None
) -> Comparison:
    """Run every recipe, train on what each made, and compare. Raises InputError for two of one run directory."""
    first = recipes[0]
    _, train = sections(first)
    if seeds is not None:
        train = train.model_copy(update={"seeds": list(range(seeds))})
    names = _names(recipes)
    means = engine or make_engine(first)
    try:
        with ExitStack() as held:
            stop = held.enter_context(watching())
            runs = [held.enter_context(session(recipe, progress or Quiet(), means, stop)) for recipe in recipes]
            contexts: dict[str, Context] = {}
            tasks = []
            for number, (name, run) in enumerate(zip(names, runs, strict=True)):
                fill(run)
                choose(run)
                refuse_empty(run)
                contexts[name] = _compared(run)
                tasks += tasks_of(run.recipe, run.workspace, f"compared {number}", train, contexts[name].workspace)
            fit(runs[0], "train", tasks, train.workers)
            judge(list(contexts.values()), first, specs_of(train))
            for run in runs:
                finish(run)
    finally:
        if engine is None:
            means.close()
    return _told(first, train, contexts)


def _compared(run: Context) -> Context:
    """A folder of its own in the run for these models: the run's may have another budget."""
    inner = run.at(Workspace(run.folder.at(arm_folder(COMPARED))), run.recipe)
    return replace(inner, summary=run.summary)


def _told(first: Recipe, train: Train, contexts: dict[str, Context]) -> Comparison:
    found = Comparison(train.samples_seen, train.seeds, train.model)
    outcomes = {name: cmp.Outcomes.read(context.workspace) for name, context in contexts.items()}
    for name, context in contexts.items():
        found.arms[name] = {"samples": context.summary.kept, "images": context.summary.images}
    found.results = cmp.results(outcomes, first.eval, first.seed) + robustness(outcomes, first.eval)
    base, *others = contexts
    for evaluation in first.eval:
        for name in others:
            difference = cmp.difference(outcomes, name, base, evaluation, first.seed)
            if difference is not None:
                found.differences.append({"use": evaluation.use, "arm": name, "against": base, **difference})
    return found


def _names(recipes: Sequence[Recipe]) -> list[str]:
    for i, recipe in enumerate(recipes):
        for other in recipes[:i]:
            for what, a, b in (("run_dir", recipe.run_dir, other.run_dir), ("name", recipe.name, other.name)):
                if a == b:
                    raise InputError(f"two of the recipes have the {what} {a!r}", f"give each a {what} of its own")
    return [recipe.name for recipe in recipes]
