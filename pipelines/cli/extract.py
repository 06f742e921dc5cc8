"""`curate extract`."""

import shlex
from dataclasses import asdict

import typer

from pipelines.cli.console import StageProgress, emit, hint, say
from pipelines.cli.run import again
from pipelines.download.policy import Refused
from pipelines.download.urls import parse_url
from pipelines.engine.stop import Interrupted
from pipelines.extract.extract import Extracted, extract
from pipelines.extract.sources import Options
from pipelines.recipe import Engine

TROUBLES_SHOWN = 8


class FileProgress(StageProgress):
    """The rows of the stages are files."""

    def stage(self, name: str, rows: int, unit: str = "files") -> None:
        super().stage(name, rows, "files")


def extract_files(patterns: list[str], out: str, options: Options, engine: Engine, json: bool) -> None:
    if options.page is not None:
        try:
            parse_url(options.page)
        except Refused as error:
            raise typer.BadParameter(f"--page {options.page}: {error.message}") from error
    try:
        found = extract(patterns, out, options, engine, FileProgress())
    except Interrupted as stopped:
        words = ["extract", *patterns, "--out", out, *(["--keep-empty"] if options.keep_empty else [])]
        words += ["--page", options.page] if options.page else []
        words += ["--engine", engine.kind] if engine.kind != "ray" else []
        raise again(words, [], stopped) from stopped
    if json:
        emit(asdict(found))
    else:
        print_extracted(found)


def print_extracted(found: Extracted) -> None:
    say(f"{found.pages:,} pages in {found.files:,} files, {found.images:,} images: {found.rows:,} rows")
    dropped = {**found.dropped, **{f"{name} records": count for name, count in found.records.items()}}
    causes = ", ".join(f"{name}: {count:,}" for name, count in dropped.items() if count)
    if causes:
        say(f"Left out: {causes}")
    for path, why in list(found.troubles.items())[:TROUBLES_SHOWN]:
        hint(f"  ! {path}: {why}")
    if len(found.troubles) > TROUBLES_SHOWN:
        hint(f"  ! and {len(found.troubles) - TROUBLES_SHOWN:,} more files; --json names them all")
    say(f"List: {found.out}/*.parquet")
    hint(f"Next: a recipe with `input: {{urls: {shlex.quote(found.out + '/*.parquet')}}}`; curate init writes one")
