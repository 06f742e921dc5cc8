"""The book of attempts: how often a unit failed and which rows of it end every worker. It outlives the driver.

Rows are written down only when the search for them has come to its end. A search that was broken off begins
again: what it had found so far is no proof that the rest of the unit can be made without those rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from curate.files import Folder, canonical_json

NAME = "logs/attempts.json"


@dataclass
class Attempts:
    folder: Folder
    failures: dict[str, list[str]] = field(default_factory=dict)  # unit key -> what went wrong each time
    poison: dict[str, list[int]] = field(default_factory=dict)  # unit key -> rows

    @classmethod
    def load(cls, folder: Folder) -> "Attempts":
        if not folder.exists(NAME):
            return cls(folder)
        data = folder.read_json(NAME)
        return cls(folder, data.get("failures", {}), data.get("quarantined", {}))

    def failed(self, key: str, what: str) -> int:
        """Note a failure; returns how many there are now."""
        self.failures.setdefault(key, []).append(what[-4000:])
        self._save()
        return len(self.failures[key])

    def quarantine(self, key: str, rows: Iterable[int]) -> None:
        """Note what a finished search found: all rows that fail by themselves."""
        self.poison[key] = sorted(rows)
        self._save()

    def done(self, key: str) -> None:
        failures, poison = self.failures.pop(key, None), self.poison.pop(key, None)
        if failures is not None or poison is not None:
            self._save()

    def _save(self) -> None:
        self.folder.write(NAME, canonical_json({"failures": self.failures, "quarantined": self.poison}))
