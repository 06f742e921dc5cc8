"""The commands that read a run: status, stats, explain, report, verify."""

from pathlib import Path
from shlex import quote

import typer

from curate.errors import InputError
from pipelines.cli.console import emit, hint, out, say, table
from pipelines.recipe import Recipe, load
from pipelines.workspace import RECIPE, SUBSET, Workspace


def open_run(run: str, changes: list[str] | None = None, *, decided: bool = True) -> tuple[Recipe, Workspace]:
    """The recipe and workspace of a run directory. Raises InputError for anything else."""
    workspace = Workspace.opened(str(Path(run).resolve()) if "://" not in run else run.rstrip("/"))
    if not workspace.folder.exists(RECIPE):
        raise InputError(f"{run}: not a run directory: it has no {RECIPE}", "curate run RECIPE makes one")
    if decided and not workspace.folder.exists(SUBSET):
        raise InputError(
            f"{run}: the filters have not answered yet: there is no {SUBSET}",
            f"curate run {quote(f'{run}/{RECIPE}')} goes on; curate status {quote(run)} says how far it is",
        )
    return load(workspace.folder.url(RECIPE), changes or []), workspace


def show_status(run: str, json: bool) -> None:
    from pipelines.status import status

    found = status(*open_run(run, decided=False))
    if json:
        emit(found)
        return
    table(
        [(s["stage"], s["state"], s["rows"], s["of"]) for s in found["stages"]],
        ("stage", "state", "rows", "of"),
        right=(2, 3),
    )
    say(f"running: {found['running'] or 'no'}")


def show_stats(run: str, json: bool) -> None:
    from curate.report.statistics import statistics
    from pipelines.evidence import gather

    found = statistics(gather(*open_run(run)))
    if json:
        emit(found)
        return
    from curate.report.terminal import render_terminal

    out.print(render_terminal(found))
    hint(f"Next: curate report {quote(run)}   |   curate whatif {quote(run)} --set filters.NAME.key=value")


def show_life(run: str, key: str, json: bool) -> None:
    from pipelines.explain import explain

    lives = explain(*open_run(run), key)
    if json:
        emit([life.as_dict() for life in lives])
        return
    for life in lives:
        say(life.uid)
        for stage, what in life.lines:
            say(f"  {stage:<14} {what}")


def write_report(run: str, output: str | None) -> None:
    from pipelines.lock import writer
    from pipelines.publish_report import publish_report

    recipe, workspace = open_run(run)
    with writer(workspace):
        path = publish_report(recipe, workspace)
    if output is not None:
        Path(output).write_bytes(workspace.folder.read("report.html"))
        path = output
    say(path)


def show_proof(run: str, json: bool) -> None:
    from pipelines.verify import verify

    _, workspace = open_run(run, decided=False)
    proof = verify(workspace)
    if json:
        emit(proof.as_dict())
    elif proof.problems:
        for problem in proof.problems:
            say(problem)
    else:
        say(f"ok: {proof.files:,} files, {proof.bytes:,} bytes, {proof.rows:,} rows, each in one named state")
        if proof.quarantined:
            say(f"{proof.quarantined:,} rows are quarantined (outcome worker_crash, or unmeasured)")
    if proof.problems:
        hint(f"Next: curate run {quote(f'{run}/{RECIPE}')} makes anew what is damaged")
        raise typer.Exit(4)
    if proof.quarantined:
        raise typer.Exit(6)
