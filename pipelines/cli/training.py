"""The commands about models: train, eval, loop, compare."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import typer
from pydantic import ValidationError

from curate.errors import InputError
from curate.report.comparison_page import verdicts
from curate.report.terminal import rounds_table
from model_training.data.shards import shard_files
from model_training.evaluation.effective_robustness import LEAST
from model_training.evaluation.evaluate import Evaluation, evaluate, load
from pipelines import comparison as cmp
from pipelines.arms import arm_filters, arm_of, is_answered
from pipelines.cli.check import loaded
from pipelines.cli.console import StageProgress, emit, hint, out, say, table
from pipelines.cli.inspect import open_run
from pipelines.cli.run import again, print_summary
from pipelines.compare import compare
from pipelines.context import Context, session
from pipelines.engine.stop import Interrupted
from pipelines.evaluate import SpecOf, judge, specs_of
from pipelines.loop import Loop
from pipelines.models import Encoders
from pipelines.recipe import Recipe
from pipelines.recipe_eval import Evaluation as Entry
from pipelines.replay import replay
from pipelines.robustness import METRIC as ROBUSTNESS
from pipelines.robustness import robustness
from pipelines.train import fit, is_planned, on_files, tasks_of, weights
from pipelines.workspace import COMPARED, FUNNEL, RECIPE, Workspace, arm_folder

RESERVED = {*cmp.ORDER, COMPARED}


def run_loop(path: str, changes: list[str], json: bool) -> None:
    recipe, _ = loaded(path, changes)
    hint(f"{recipe.name}  ->  {recipe.run_dir}")
    try:
        summary, records = Loop(recipe, StageProgress()).run()
    except Interrupted as stopped:
        raise again(["loop", path], changes, stopped) from stopped
    if json:
        emit({**summary.__dict__, "rounds": records})
        return
    print_summary(summary)
    say()
    out.print(rounds_table(records))


def replay_round(record: str, to: str, changes: list[str], json: bool) -> None:
    try:
        found = replay(record, to, changes, StageProgress())
    except Interrupted as stopped:
        raise again(["loop", "--replay", record, "--to", to], changes, stopped) from stopped
    if json:
        emit(found.__dict__)
    elif found.differences:
        say(f"Round {found.round} was made again in {found.run}, and differs: {'; '.join(found.differences)}.")
    else:
        say(
            f"Round {found.round} was made again in {found.run}: the same {found.kept:,} pairs, the same dataset bytes."
        )
    if found.differences:
        raise typer.Exit(1)


def train_run(run: str, data: list[str], name: str, changes: list[str], json: bool) -> None:
    recipe, workspace = _opened(run, changes)
    if data:
        _refuse_name(recipe, workspace, name)
    try:
        with session(recipe, StageProgress()) as context:
            inner = context
            if data:
                inner = context.at(Workspace(context.folder.at(arm_folder(name))), recipe)
                tasks = on_files(recipe, inner.workspace, name, shard_files(data))
            else:
                tasks = tasks_of(recipe, workspace, cmp.CURATED)
            assert recipe.train is not None
            fit(inner, "train", tasks, recipe.train.workers)
    except Interrupted as stopped:
        words = ["train", run, *(word for place in data for word in ("--data", place))]
        raise again(words + (["--name", name] if data else []), changes, stopped) from stopped
    found: list[dict[str, Any]] = [
        {"seed": int(k), "weights": p, "sha256": d} for k, (p, d) in sorted(weights(inner.workspace).items())
    ]
    if json:
        emit(found)
        return
    table([(row["seed"], row["weights"], row["sha256"][:12]) for row in found], ("seed", "weights", "sha256"))
    hint(f"Next: curate eval {shlex.quote(run)}")


def _refuse_name(recipe: Recipe, run: Workspace, name: str) -> None:
    """Raises InputError for what cannot be a folder, and for an arm of the loop, of an earlier recipe too."""
    loops = {*RESERVED, *(recipe.loop.ablations if recipe.loop else ())}
    if name in loops or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name) or _is_loops(run, name):
        raise InputError(
            f"--name {name}: not a name for an arm of your own",
            "letters, digits, - and _; not `raw`, nor another arm that the loop makes",
        )


def _is_loops(run: Workspace, name: str) -> bool:
    """Did the loop make this arm? Those have the recipe of their data, others are trained on files."""
    return name in RESERVED or run.folder.exists(f"{arm_folder(name)}/{RECIPE}")


def evaluate_run(run: str, given: Evaluation | None, changes: list[str], json: bool) -> None:
    recipe, workspace = _opened(run, changes)
    if recipe.train is None or not (recipe.eval or given):
        lacking = "train" if recipe.train is None else "eval"
        raise InputError(f"{run}: its recipe has no section `{lacking}`", "add it to the recipe, or give --data")
    if given is not None:
        rows = _once(workspace, specs_of(recipe.train), given)
    else:
        try:
            with session(recipe, StageProgress()) as context:
                rows = _judged(context, recipe)
        except Interrupted as stopped:
            raise again(["eval", run], changes, stopped) from stopped
    if json:
        emit(rows)
    else:
        columns = ("arm", "eval", "metric", "mean", "low", "high", "n")
        table([[_shown(row[c]) for c in columns] for row in rows], columns, right=(3, 4, 5, 6))
    if any(row["metric"] == ROBUSTNESS and row["baselines"] < LEAST for row in rows):
        hint(f"{ROBUSTNESS} needs a line: curate loop trains the arms that it goes through, or name `baselines`")


def other_set(data: list[str], kind: str | None, classes: str | None, learn: list[str] | None) -> Evaluation:
    """What the command line asks, by the rules of a recipe's `eval`. Raises InputError for what does not fit."""
    kind = kind or ("zero_shot" if classes else "knn" if learn else "retrieval")
    given = {"name": "data", "kind": kind, "data": data, "classes": classes, "train": learn}
    try:
        return Entry.model_validate({key: value for key, value in given.items() if value}).asked
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"--kind {kind}: {said}", "curate eval --help") from error


def _judged(context: Context, recipe: Recipe) -> list[dict[str, Any]]:
    """The run's own models, those of its arms as the recipe has them, and those trained on other data.

    `as_planned` of a row: was its arm trained by the recipe's `train`?
    """
    assert recipe.train is not None
    ours = arm_filters(recipe, _images(context))
    contexts, otherwise = {}, set()
    for name in (cmp.CURATED, *context.folder.names("arms")):
        inner = context if name == cmp.CURATED else context.at(Workspace(context.folder.at(arm_folder(name))), recipe)
        made = name == cmp.CURATED or _is_loops(context.workspace, name)
        if not weights(inner.workspace) or (made and name not in {cmp.CURATED, *ours}):
            continue
        if made and not _is_current(context, inner, name, ours):
            run = shlex.quote(recipe.run_dir)
            again = f"curate train {run}" if name == cmp.CURATED else f"curate loop {run}/recipe.yaml"
            raise InputError(f"{run}: the models of {name} are of an earlier dataset, or of another `train`", again)
        contexts[name] = inner
        if not is_planned(recipe, inner.workspace):
            otherwise.add(name)
            hint(f"{name}: trained otherwise than the recipe's `train` says; its numbers do not compare data alone.")
            hint(f"To train it so: curate train {shlex.quote(recipe.run_dir)} --data ... --name {name}")
    if not contexts:
        raise InputError(f"{recipe.run_dir}: no model is trained yet", f"curate train {shlex.quote(recipe.run_dir)}")
    judge(list(contexts.values()), recipe, specs_of(recipe.train))
    outcomes = {name: cmp.Outcomes.read(inner.workspace) for name, inner in contexts.items()}
    rows = cmp.results(outcomes, recipe.eval, recipe.seed) + robustness(outcomes, recipe.eval)
    return [{**row, "as_planned": row["arm"] not in otherwise} for row in rows]


def _is_current(context: Context, inner: Context, name: str, ours: dict[str, list[Any]]) -> bool:
    """Are the models those of the arm's dataset, and is that what the recipe's filters would keep now?"""
    answered = name == cmp.CURATED or is_answered(arm_of(context, name, ours[name]))
    return answered and all(task.done() for task in tasks_of(context.recipe, inner.workspace, name))


def _images(context: Context) -> int:
    """How many the curated set has: the random arm has as many."""
    return int(context.folder.read_json(FUNNEL)[-1]["images"]) if context.folder.exists(FUNNEL) else 0


def _once(workspace: Workspace, spec_of: SpecOf, given: Evaluation) -> list[dict[str, Any]]:
    """Other data, asked once: nothing is written."""
    loaded, found = load(given), []
    for seed, (path, digest) in sorted(weights(workspace).items()):
        model = Encoders().get(spec_of(f"seed {seed}", path, digest))
        for metric in evaluate(model, loaded):
            row = {"arm": f"seed {seed}", "eval": given.name, "metric": metric.name, "mean": metric.value}
            found.append({**row, "low": None, "high": None, "n": metric.n})
    if not found:
        raise InputError(f"{workspace.folder.url()}: no model is trained yet", "curate train RUN")
    return found


def compare_recipes(paths: list[str], seeds: int | None, out: str | None, changes: list[str], json: bool) -> None:
    recipes = [loaded(path, changes)[0] for path in paths]
    try:
        found = compare(recipes, seeds, StageProgress(), out=out)
    except Interrupted as stopped:
        words = [*(["--seeds", str(seeds)] if seeds else []), *(["--out", out] if out else [])]
        raise again(["compare", *paths, *words], changes, stopped) from stopped
    if json:
        emit(found.__dict__)
        return
    apart = {(row["eval"], row["metric"], row["arm"]): row for row in found.differences}
    columns = ("eval", "metric", "recipe", "mean", "sd", "low", "high", "to the first", "se", "n")
    rows = []
    for row in sorted(found.results, key=_block(found.results)):
        to_first = apart.get((row["eval"], row["metric"], row["arm"]), {"value": None, "se": None})
        numbers = (row["mean"], row["sd"], row["low"], row["high"], to_first["value"], to_first["se"])
        rows.append([row["eval"], row["metric"], row["arm"], *map(_shown, numbers), row["n"]])
    table(rows, columns, right=range(3, 10))
    sizes = ", ".join(f"{name} {arm['samples']:,}" for name, arm in found.arms.items())
    say(f"\nPairs: {sizes}. Each of {found.model} ({found.objective}), {found.samples_seen:,} samples seen in batches")
    say(f"of {found.batch}, seeds {', '.join(map(str, found.seeds))}.")
    for _, sentence in verdicts(found.__dict__):
        say(sentence)
    say(f"Page:    {found.page}")


def _block(rows: list[dict[str, Any]]) -> Callable[[dict[str, Any]], int]:
    """Rows of one evaluation and metric together, in the order in which those first appear."""
    blocks = {key: place for place, key in enumerate(dict.fromkeys((row["eval"], row["metric"]) for row in rows))}
    return lambda row: blocks[row["eval"], row["metric"]]


def _opened(run: str, changes: list[str]) -> tuple[Recipe, Workspace]:
    """The recipe of a run, with the run directory where it lies now."""
    recipe, workspace = open_run(run, changes)
    return recipe.model_copy(update={"run_dir": workspace.folder.url()}), workspace


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
