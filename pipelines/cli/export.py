"""`curate export`."""

import shlex
from dataclasses import asdict

import typer

from curate.reshard import Resharded
from pipelines.cli.console import StageProgress, emit, hint, say
from pipelines.cli.inspect import open_run
from pipelines.export import export_run, export_tars


def export(
    run: str | None, to: str, subset: str | None, shards: list[str], samples: int, size: int, json: bool
) -> None:
    progress = StageProgress()
    try:
        if run is not None:
            _, workspace = open_run(run)
            found = export_run(workspace, subset, to, progress, samples_per_shard=samples, bytes_per_shard=size)
        else:
            assert subset is not None  # the command's own check
            found = export_tars(shards, subset, to, progress, samples_per_shard=samples, bytes_per_shard=size)
    except KeyboardInterrupt:
        words = [*([run] if run else []), *(["--subset", subset] if subset else [])]
        words += [word for pattern in shards for word in ("--shards", pattern)]
        words += ["--to", to, "--samples-per-shard", str(samples), "--bytes-per-shard", str(size)]
        hint(f"stopped; the shards that are finished are kept. To go on:\n  {shlex.join(['curate', 'export', *words])}")
        raise typer.Exit(130) from None
    if json:
        emit({"to": to, **asdict(found)})
    else:
        print_exported(found, to)


def print_exported(found: Resharded, to: str) -> None:
    say(
        f"{found.output_count:,} samples in {found.output_shard_count:,} shards, of {found.processed_count:,} looked at"
    )
    if found.passed:
        say(f"{found.passed:,} of them were there already")
    if found.without_uid:
        hint(
            f"  ! {found.without_uid:,} samples of the shards have no uid, neither in their .json nor in a table beside"
        )
    if found.missing_count:
        hint(f"  ! {found.missing_count:,} uids of the subset are in none of the shards")
    say(f"Shards: {to}/*.tar")
    hint(f"Next: a recipe with `input: {{webdataset: {shlex.quote(to + '/*.tar')}}}`, or DataComp's own training")
