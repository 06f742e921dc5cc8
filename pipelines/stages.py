"""The stages of the data's way, from the rows of the input to the dataset. Each makes only what is missing."""

import shlex
from collections.abc import Sequence

from curate import dataset
from curate import schema as c
from curate.corpus import CorpusPass
from curate.errors import GateError
from pipelines import corpus, decide, materialize, outside, repeats
from pipelines.append import write_texts
from pipelines.columns import passes
from pipelines.context import Context, drop_stale
from pipelines.download.plan import pool_plan
from pipelines.engine.unit import Unit
from pipelines.listing import list_input
from pipelines.measuring import measure as measure
from pipelines.models import declared
from pipelines.publish_report import publish_report
from pipelines.workspace import INPUT, POOL, SUBSET


def list_rows(context: Context) -> None:
    with context.stage("input"):
        context.progress.stage("input", 0)
        context.summary.asked = list_input(context.recipe, context.workspace, context.progress.advance)
        context.progress.end(f"{context.summary.asked:,} rows asked for")


def fill_pool(context: Context) -> None:
    """Download or ingest. Raises GateError when too little came."""
    recipe, workspace = context.recipe, context.workspace
    listed = workspace.manifest(INPUT)
    plan = pool_plan(recipe, context.folder, context.engine)
    units = (
        Unit(POOL, shard, entry.rows, dict.fromkeys(plan.folders, plan.mark(entry.content())), shard)
        for shard, entry in sorted(listed.entries.items())
        if not repeats.is_repeats(shard)
    )
    context.drive("download" if recipe.input.kind == "urls" else "ingest", units, plan.folders, plan.task)
    for under in plan.folders:
        drop_stale(workspace.manifest(under), set(listed.entries))
    fill_repeats(context)
    look_at_pool(context)
    states, rows = context.summary.outcomes, workspace.manifest(POOL).rows()
    share = context.summary.downloaded / max(1, rows)
    if share < recipe.gates.min_success_rate:
        failed = sorted(((n, o) for o, n in states.items() if o != c.Outcome.OK), reverse=True)
        causes = ", ".join(f"{outcome}: {count:,}" for count, outcome in failed[:5])
        raise GateError(
            f"gates.min_success_rate: {share:.1%} of {rows:,} rows were downloaded,"
            f" not {recipe.gates.min_success_rate:.1%} ({causes})",
            f"curate status {shlex.quote(recipe.run_dir)} --json has all outcomes; lower the gate to go on",
        )


def fill_repeats(context: Context) -> None:
    """The pool's rows whose URL was fetched for another row."""
    if units := list(repeats.units(context.workspace)):
        context.drive("repeats", units, [POOL], repeats.RepeatsTask(context.folder))


def look_at_pool(context: Context) -> None:
    """What the pool holds, for the summary."""
    pool, summary = context.workspace.manifest(POOL), context.summary
    summary.asked, summary.outcomes = pool.rows(), pool.states()
    summary.downloaded = summary.outcomes.get(c.Outcome.OK, 0)


def measure_outside(context: Context, works: Sequence[CorpusPass]) -> None:
    """What the passes compare the pool with, measured as the pool is."""
    models = declared(context.recipe)
    for under, sets in outside.grouped(works).items():
        units = list(outside.units(under, sets, models))
        task = outside.OutsideTask(models)
        gpus = sets.column not in c.PHASH_SCHEMA.names
        context.drive(f"outside {sets.name}", units, [under], task, gpus=gpus)
        drop_stale(context.workspace.manifest(under), {unit.shard for unit in units})


def run_passes(context: Context) -> None:
    workspace, works = context.workspace, passes(context.recipe)
    measure_outside(context, works)
    task = corpus.CorpusTask(context.folder, {work.name: work for work in works})
    pool = set(workspace.manifest(POOL).entries)
    for work in works:
        under = f"corpus/{work.name}"
        for step in corpus.steps(work):
            folder = f"{under}/partial" if step == corpus.PARTIAL else under
            stall = corpus.WHOLE_POOL if step == corpus.MERGE else None
            context.drive(f"{work.name} {step}", corpus.units(workspace, work, step), [folder], task, stall=stall)
            if step == corpus.PARTIAL:
                drop_stale(workspace.manifest(folder), pool)
        drop_stale(workspace.manifest(under), pool | {corpus.WHOLE})


def ask_filters(context: Context) -> None:
    """The subset and the funnel, after the texts that captioners among the filters write. Raises GateError when too
    little was kept."""
    recipe, summary = context.recipe, context.summary
    write_texts(context)
    with context.stage("filters"):
        context.progress.stage(context.title("filters"), 0)
        context.made["filters"] += decide.publish(recipe, context.workspace)
        summary.funnel = context.folder.read_json("funnel.json")
        kept = context.folder.read_table(SUBSET, [c.KEEP]).column(0)
        summary.kept = sum(kept.to_pylist())
        summary.images = summary.funnel[-1]["images"]
        context.progress.end(f"{summary.kept:,} of {len(kept):,} kept")
    if summary.kept < recipe.gates.min_kept:
        raise GateError(
            f"gates.min_kept: {summary.kept:,} samples were kept, not {recipe.gates.min_kept:,}",
            f"curate stats {shlex.quote(recipe.run_dir)} shows which rule dropped them",
        )


def write_dataset(context: Context) -> None:
    units = list(materialize.units(context.recipe, context.workspace))
    context.drive("dataset", units, [dataset.UNDER], materialize.MaterializeTask(context.folder))
    materialize.finish(context.recipe, context.workspace, [unit.shard for unit in units])


def report(context: Context) -> None:
    with context.stage("report"):
        context.progress.stage("report", 0)
        context.summary.report = publish_report(context.recipe, context.workspace)
        context.progress.end(context.summary.report)
