"""What a run tells whoever watches: a line per stage, and messages. The commands draw it; tests collect it."""

from dataclasses import dataclass, field
from typing import Protocol


class Progress(Protocol):
    def stage(self, name: str, rows: int, unit: str = "rows") -> None:
        """A stage begins and has this many rows (or what `unit` says) to do; 0 when nothing is left of it."""
        ...

    def advance(self, rows: int) -> None: ...

    def end(self, summary: str) -> None:
        """The stage is done; `summary` says what came of it."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know, such as a retry."""
        ...


@dataclass
class Quiet:
    """Remembers and shows nothing."""

    stages: list[tuple[str, int]] = field(default_factory=list)
    summaries: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def stage(self, name: str, rows: int, unit: str = "rows") -> None:
        self.stages.append((name, rows))

    def advance(self, rows: int) -> None: ...

    def end(self, summary: str) -> None:
        self.summaries.append((self.stages[-1][0], summary))

    def note(self, text: str) -> None:
        self.notes.append(text)
