"""`curate whatif`."""

import shlex
from itertools import zip_longest
from typing import Any

from pipelines.cli.console import emit, hint, say, table
from pipelines.cli.inspect import open_run
from pipelines.whatif import WhatIf, whatif


def show_whatif(run: str, changes: list[str], json: bool) -> None:
    before, workspace = open_run(run)
    after, _ = open_run(run, changes)
    found = whatif(before, after, workspace)
    if json:
        emit(found.as_dict())
        return
    _print(found)
    settings = [word for change in changes for word in ("--set", change)]
    hint(f"To make it so: {shlex.join(['curate', 'run', f'{run}/recipe.yaml', *settings])}")


def _print(found: WhatIf) -> None:
    old = {(r["stage"], r["rule"]): r for r in found.old}
    rows = []
    for row in found.new:
        was: dict[str, Any] = old.get((row["stage"], row["rule"]), {})
        rows.append(
            (row["stage"], row["rule"], was.get("dropped", "-"), row["dropped"], was.get("kept", "-"), row["kept"])
        )
    table(rows, ("stage", "rule", "dropped", "-> dropped", "kept", "-> kept"), right=(2, 3, 4, 5))
    say(f"\n{found.gained.count:,} gained, {found.lost.count:,} lost")
    if found.uncaptioned:
        say(f"  {found.uncaptioned:,} more images would be captioned; their texts are not in these numbers")
    for gained, lost in zip_longest(found.gained.first, found.lost.first):
        if gained:
            say(f"  + {gained['uid']}  was {gained['reason']}")
        if lost:
            say(f"  - {lost['uid']}  now {lost['reason']}")
