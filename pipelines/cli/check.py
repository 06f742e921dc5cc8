"""`curate check`."""

import shlex
from typing import Any

from pipelines.check import check
from pipelines.cli.console import emit, hint, say
from pipelines.recipe import Recipe, build
from pipelines.recipe_source import Source


def loaded(path: str, changes: list[str]) -> tuple[Recipe, dict[str, Any]]:
    """A recipe that can run, and what was found of it. A mistake is reported at its line."""
    source = Source.read(path)
    for change in changes:
        source.change(change)
    recipe = build(source)
    return recipe, check(recipe, source)


def show_check(path: str, changes: list[str], json: bool) -> None:
    _, found = loaded(path, changes)
    if json:
        emit(found)
        return
    print_check(found)
    hint(f"Next: curate run {shlex.quote(path)}")


def print_check(found: dict[str, Any]) -> None:
    given = found["input"]
    count = f"{given['looked_at']:,}{' or more' if given['more'] else ''} rows"
    say(f"{found['recipe']}: the recipe can run")
    say(f"  input     {given['kind']}, {count}; of those looked at {given['usable']:,} can be asked for")
    if given["first_bad"]:
        say(f"            the first that cannot: {given['first_bad']}")
    if given["without_caption"]:
        say(f"            {given['without_caption']:,} have no caption; text rules will drop them")
    if given["with_hash"]:
        say(f"            {given['with_hash']:,} say which sha256 the bytes have; download.hash_mismatch is for others")
    for line in found["warnings"]:
        say(f"  warning   {line}")
    for name, identity in found["models"].items():
        say(f"  model     {name}, {identity}")
    say(f"  measures  {', '.join(found['signals']) or 'nothing'}")
    say(f"  corpus    {', '.join(found['corpus']) or 'nothing'}")
    for line in found["captions"]:
        say(f"  captions  {line}")
    for line in found["filters"]:
        say(f"  filter    {line}")
    estimate = found["estimate"]
    size = f"about {estimate['stored_bytes_per_thousand'] / 1e6:.0f} MB per 1,000 images"
    speed = estimate["seconds_per_thousand"]
    say(f"  estimate  {size}" + (f", {speed} s per 1,000 URLs and worker (a guess)" if speed else ""))
    if found["free_bytes"] is not None:
        say(f"  run_dir   {found['run_dir']}, {found['free_bytes'] / 1e9:.1f} GB free")
