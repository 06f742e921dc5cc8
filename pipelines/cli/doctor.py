"""`curate doctor`."""

import typer

from pipelines.cli.console import emit, say
from pipelines.doctor import doctor


def show_doctor(json: bool) -> None:
    checks = doctor()
    if json:
        emit([check.as_dict() for check in checks])
    else:
        for check in checks:
            say(f"{'ok ' if check.ok else 'BAD'}  {check.name:<11} {check.found}")
            if not check.ok:
                say(f"     -> {check.fix}")
    if not all(check.ok for check in checks):
        raise typer.Exit(7)
