"""A case: something hostile, odd or merely rare, and what has to become of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Facts = Mapping[str, Any]  # what a case came to: "outcome", and whatever else its kind can tell


@dataclass(frozen=True)
class Case:
    """`expected` names some of the facts; those have to be equal."""

    name: str
    expected: Facts
    given: Any = field(default=None, repr=False, compare=False)
    known: str = ""  # why it is not as stated yet

    def wrong(self, found: Facts) -> dict[str, Any]:
        """The facts that are not as stated: name -> what was found."""
        return {name: found.get(name) for name, value in self.expected.items() if found.get(name) != value}


def distinct(cases: list[Case]) -> list[Case]:
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"cases of one name: {twice}"
    return cases
