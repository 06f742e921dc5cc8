"""`curate retry`: only what failed is asked for again, and what came late is merged into the pool.

Whatever follows sees that a shard became another, and does that shard again; nothing else is touched.
"""

import shlex
from collections.abc import Sequence

from curate.errors import InputError
from curate.manifest import Manifest
from curate.schema import OUTCOME_CLASS, Outcome, OutcomeClass
from pipelines.context import Context, Summary, session
from pipelines.download.plan import fetch_task
from pipelines.download.retry import RetryTask
from pipelines.download.unit_rows import folders
from pipelines.engine.unit import Engine, Unit
from pipelines.progress import Progress, Quiet
from pipelines.recipe import Recipe
from pipelines.repeats import is_repeats
from pipelines.run import choose, finish, measure_all
from pipelines.stages import fill_repeats, look_at_pool, report
from pipelines.workspace import POOL

TRANSIENT = tuple(outcome for outcome in Outcome if OUTCOME_CLASS[outcome] is OutcomeClass.TRANSIENT)


def retry(
    recipe: Recipe, statuses: Sequence[str] = (), progress: Progress | None = None, engine: Engine | None = None
) -> Summary:
    """Ask again for the rows that ended in one of `statuses` (default: all that may pass), then run what depends on it.

    Raises InputError for an outcome that there is none of, and for an input that is not downloaded.
    """
    again = outcomes(statuses)
    if recipe.input.kind != "urls":
        raise InputError(f"{recipe.name}: its input is {recipe.input.kind}; nothing of it is downloaded", "curate run")
    with session(recipe, progress or Quiet(), engine) as context:
        fetch_again(context, again)
        fill_repeats(context)
        look_at_pool(context)
        measure_all(context)
        choose(context)
        report(context)
        finish(context)
    return context.summary


def outcomes(statuses: Sequence[str]) -> list[Outcome]:
    """The outcomes of those names. Raises InputError for a name that is none, and for `ok`."""
    failures = [outcome.value for outcome in Outcome if outcome != Outcome.OK]
    for name in statuses:
        if name not in failures:
            raise InputError(f"no outcome is called {name!r}", f"there are: {', '.join(failures)}")
    return [Outcome(name) for name in statuses] or list(TRANSIENT)


def fetch_again(context: Context, again: Sequence[Outcome]) -> None:
    workspace = context.workspace
    task = fetch_task(context.recipe, context.folder, context.engine)
    made_in = [POOL, *folders(context.recipe.download.hash_mismatch)]
    manifest = workspace.manifest(POOL)
    if not manifest.entries:
        run = shlex.quote(workspace.folder.url())
        raise InputError(f"{run}: nothing was downloaded yet", f"curate run {run}/recipe.yaml")
    units, names = [], [outcome.value for outcome in again]
    before = _fetched(manifest)
    for shard, entry in sorted(before.entries.items()):
        if sum(entry.states.get(name, 0) for name in names):
            # The same fingerprint: for a later run the shard is what it should be.
            units.append(Unit("retry", shard, entry.rows, dict.fromkeys(made_in, entry.fingerprint), names))
    context.drive("retry", units, made_in, RetryTask(task), planned=True)
    then, now = before.states(), _fetched(workspace.manifest(POOL)).states()
    asked = sum(then.get(name, 0) for name in names)
    came = now.get(Outcome.OK, 0) - then.get(Outcome.OK, 0)
    context.progress.note(f"{asked:,} rows were asked for again; {came:,} came")


def _fetched(pool: Manifest) -> Manifest:
    """The shards whose rows are asked for themselves."""
    entries = {shard: entry for shard, entry in pool.entries.items() if not is_repeats(shard)}
    return Manifest(pool.folder, pool.under, entries)
