"""How the commands print: rich on a terminal, plain lines elsewhere, `NO_COLOR` respected, hostile text spelled out."""

import json
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from curate.report.printable import printable

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
EVERY = 15.0  # seconds between two lines where nobody watches a bar


def emit(value: Any) -> None:
    """One JSON document and nothing else."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")


def say(text: str = "") -> None:
    out.print(Text(printable_lines(text)))


def hint(text: str) -> None:
    err.print(Text(printable_lines(text)))


def printable_lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def table(rows: Sequence[Sequence[Any]], header: Sequence[str], right: Sequence[int] = ()) -> None:
    """Columns named in `right` are numbers."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for i, name in enumerate(header):
        made.add_column(name, justify="right" if i in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(printable(f"{v:,}" if isinstance(v, int) else v)) for v in row))
    out.print(made)


def funnel(rows: Sequence[dict[str, Any]]) -> None:
    table(
        [(r["stage"], r["rule"], r["in"], r["added"], r["dropped"], r["kept"], r["images"]) for r in rows],
        ("stage", "rule", "in", "added", "dropped", "kept", "images"),
        right=(2, 3, 4, 5, 6),
    )


class StageProgress:
    """One line per stage: a live bar on a terminal, else a line at its end and one every 15 seconds."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._unit, self._rows, self._done, self._began, self._said = "", "rows", 0, 0, 0.0, 0.0

    def stage(self, name: str, rows: int, unit: str = "rows") -> None:
        self._name, self._rows, self._done, self._unit = name, rows, 0, unit
        self._began = self._said = time.monotonic()
        if err.is_terminal and rows:
            self._bar = Progress(
                TextColumn("  {task.description:<24}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=err,
                transient=True,
            )
            self._task = self._bar.add_task(name, total=rows)
            self._bar.start()

    def advance(self, rows: int) -> None:
        self._done += rows
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=rows)
        elif time.monotonic() - self._said > EVERY and self._rows:
            self._said = time.monotonic()
            left = (self._said - self._began) * (self._rows - self._done) / max(1, self._done)
            hint(f"  {self._name:<24} {self._done:,} of {self._rows:,} {self._unit}, about {left:.0f} s left")

    def end(self, summary: str) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        hint(f"  {self._name:<24} {summary:<44} {time.monotonic() - self._began:6.1f} s")

    def note(self, text: str) -> None:
        hint(f"  ! {text}")
