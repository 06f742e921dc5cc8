"""`curate run`."""

import shlex

import typer

from pipelines.cli.check import loaded, print_check
from pipelines.cli.console import StageProgress, emit, funnel, hint, say
from pipelines.cli.inspect import open_run
from pipelines.engine.stop import Interrupted
from pipelines.retry import retry
from pipelines.run import Runner, Summary

FAILURES_SHOWN = 8


def run_recipe(path: str, changes: list[str], dry_run: bool, json: bool) -> None:
    recipe, found = loaded(path, changes)
    if dry_run:
        emit(found) if json else print_check(found)
        return
    hint(f"{recipe.name}  ->  {recipe.run_dir}")
    try:
        summary = Runner(recipe, StageProgress()).run()
    except Interrupted as stopped:
        raise again(["run", path], changes, stopped) from stopped
    if json:
        emit({**summary.__dict__})
    else:
        print_summary(summary)


def retry_run(run: str, statuses: list[str], changes: list[str], json: bool) -> None:
    recipe, workspace = open_run(run, changes, decided=False)
    try:
        recipe = recipe.model_copy(update={"run_dir": workspace.folder.url()})
        summary = retry(recipe, statuses, StageProgress())
    except Interrupted as stopped:
        words = ["retry", run, *(["--status", ",".join(statuses)] if statuses else [])]
        raise again(words, changes, stopped) from stopped
    if json:
        emit({**summary.__dict__})
    else:
        print_summary(summary)


def again(words: list[str], changes: list[str], stopped: Interrupted) -> typer.Exit:
    """Tells the command that goes on where this one was stopped."""
    command = shlex.join(["curate", *words, *(word for change in changes for word in ("--set", change))])
    hint(f"stopped by {stopped}; what was finished is kept. To go on:\n  {command}")
    return typer.Exit(stopped.exit_code)


def print_summary(summary: Summary) -> None:
    say()
    funnel(summary.funnel)
    failed = sorted(((n, o) for o, n in summary.outcomes.items() if o != "ok"), reverse=True)
    if failed:
        causes = ", ".join(f"{outcome}: {count:,}" for count, outcome in failed[:FAILURES_SHOWN])
        say(f"\nNot downloaded: {sum(count for count, _ in failed):,} ({causes})")
    say(f"Kept {summary.kept:,} of {summary.asked:,} pairs, {summary.images:,} images.")
    say(f"Dataset: {summary.run}/dataset")
    if summary.report:
        say(f"Report:  {summary.report}")
    run = shlex.quote(summary.run)
    hint(f"Next: curate stats {run}   |   curate explain {run} URL   |   curate verify {run}")
