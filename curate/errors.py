"""Every error a user can meet, with its exit code.

    CurateError
    |-- RecipeError        3   the recipe says something that cannot be run
    |-- InputError         4   a list, table, tar or model file is missing or unreadable
    |-- GateError          5   the run finished, but a gate of the recipe says it is not good enough
    |-- QuarantineError    6   rows were quarantined or a unit was given up
    +-- MachineError       7   disk full, network down, lock held

Exit code 1 is a bug and 2 is wrong usage of the command line; 130 and 143 are an interrupted run.
A bad *sample* is never an exception: it is a null and an outcome from a closed list (`curate.schema`).
"""

import difflib
from collections.abc import Iterable


class CurateError(Exception):
    """An error that names the place and, in `hint`, the next command or edit."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.message, self.hint)

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.hint}" if self.hint else self.message


class RecipeError(CurateError):
    exit_code = 3


class InputError(CurateError):
    exit_code = 4


class GateError(CurateError):
    exit_code = 5


class QuarantineError(CurateError):
    exit_code = 6


class MachineError(CurateError):
    exit_code = 7


def did_you_mean(word: str, known: Iterable[object]) -> str:
    """The end of a message about a name that is not known: the nearest that is, or all of them."""
    names = [str(name) for name in known]
    close = difflib.get_close_matches(str(word), names, 1)
    if close:
        return f", did you mean {close[0]!r}?"
    return f"; there are {', '.join(sorted(names))}" if names else ""
