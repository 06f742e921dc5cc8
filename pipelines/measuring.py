"""The stage that measures samples: which families lack which shards, and one pass over the images for all of them."""

from collections.abc import Collection, Sequence

from curate.signals.plain import plain_signal
from pipelines.context import Context, drop_stale
from pipelines.engine.unit import Unit
from pipelines.measure import MeasureTask, measured_folder
from pipelines.models import Models, family_mark
from pipelines.plan import missing
from pipelines.workspace import POOL


def measure(
    context: Context,
    name: str,
    wanted: Sequence[str],
    models: Models,
    samples: str = POOL,
    shards: Collection[str] | None = None,
) -> None:
    """The signal families `wanted`, in one pass over the images.

    samples  the pool, or what was appended to it
    shards   of these alone, where some are not made of the pool as it is now
    """
    if not wanted:
        return
    workspace = context.workspace
    tables = workspace.manifest(samples)
    marks = {measured_folder(samples, family): family_mark(plain_signal(family) or models[family]) for family in wanted}
    family_of = {measured_folder(samples, family): family for family in wanted}
    folders = {under: workspace.manifest(under) for under in marks}
    units = []
    for shard, entry in sorted(tables.entries.items()):
        if shards is not None and shard not in shards:
            continue
        prints = {under: mark(entry.content()) for under, mark in marks.items()}
        lacking = {
            under: wanted_print
            for under, wanted_print in prints.items()
            if missing([Unit("measure", shard, entry.rows, {under: wanted_print}, None)], {under: folders[under]})
        }
        if lacking:
            spec = [family_of[under] for under in lacking]
            units.append(Unit("measure", shard, entry.rows, lacking, spec))
    task = MeasureTask(context.folder, {family: models[family] for family in wanted if family in models}, samples)
    context.drive(name, units, list(marks), task, gpus=bool(task.models), planned=True)
    for under in marks:
        drop_stale(workspace.manifest(under), set(tables.entries))
