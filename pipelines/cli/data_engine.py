"""`curate loop` with --propose, --accept and --automatic: the data engine."""

import shlex
from dataclasses import asdict

from curate.report.terminal import rounds_table
from pipelines.accept import Accepted
from pipelines.accepted import in_words
from pipelines.cli.check import loaded
from pipelines.cli.console import StageProgress, emit, hint, out, say
from pipelines.cli.run import again, print_summary
from pipelines.data_engine import accept_table, automatic, propose_to
from pipelines.engine.stop import Interrupted
from pipelines.propose import Confident


def propose(path: str, to: str, count: int, confident: Confident | None, changes: list[str], json: bool) -> None:
    recipe, _ = loaded(path, changes)
    hint(f"{recipe.name}  ->  {to}")
    try:
        found = propose_to(recipe, to, count, confident, StageProgress())
    except Interrupted as stopped:
        words = ["loop", path, "--propose", to, "--count", str(count), *_words(confident)]
        raise again(words, changes, stopped) from stopped
    if json:
        emit(asdict(found))
        return
    say(f"{found.pairs:,} pairs for you, nearest to {found.column} {found.cut:.4g}, where the models are least sure.")
    if found.bound is not None:
        say(f"{found.confident:,} more are accepted beforehand, beyond {found.bound:.4g}: look them over.")
    say(f"Table: {found.table}")
    say(f"Page:  {found.page}")
    hint(f"Next: fill in `accept` and `edited`, or use the page; then curate loop {shlex.quote(path)} --accept TABLE")


def accept(path: str, table: str, changes: list[str], json: bool) -> None:
    recipe, _ = loaded(path, changes)
    try:
        found = accept_table(recipe, table, StageProgress())
    except Interrupted as stopped:
        raise again(["loop", path, "--accept", table], changes, stopped) from stopped
    if json:
        emit(asdict(found))
        return
    _say_accepted(found)
    hint(f"Next: curate loop {shlex.quote(path)} trains on them   |   --propose again asks about others")


def run_automatic(path: str, count: int, confident: Confident, changes: list[str], json: bool) -> None:
    recipe, _ = loaded(path, changes)
    hint(f"{recipe.name}  ->  {recipe.run_dir}")
    try:
        summary, records, added = automatic(recipe, confident, count, StageProgress())
    except Interrupted as stopped:
        words = ["loop", path, "--automatic", "--count", str(count), *_words(confident)]
        raise again(words, changes, stopped) from stopped
    if json:
        emit({**summary.__dict__, "rounds": records, "added": asdict(added) if added else None})
        return
    print_summary(summary)
    say()
    out.print(rounds_table(records))
    if added is not None:
        _say_accepted(added)


def _say_accepted(found: Accepted) -> None:
    if found.again:
        say(f"{found.table} was accepted before: nothing changes.")
    else:
        known = f", {found.known:,} were decided before" if found.known else ""
        say(f"{found.table}: {found.accepted:,} pairs accepted, {found.rejected:,} rejected{known}.")
    if found.told:
        say(in_words(found.told))


def _words(confident: Confident | None) -> list[str]:
    if confident is None:
        return []
    if confident.score is not None:
        return ["--confident-score", str(confident.score)]
    return ["--confident", str(confident.quantile)]
