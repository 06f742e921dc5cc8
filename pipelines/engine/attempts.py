"""The book of attempts: how often a unit failed and which rows of it end every worker. It outlives the driver."""

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
        return cls(folder, data.get("failures", {}), data.get("poison", {}))

    def failed(self, key: str, what: str) -> int:
        """Note a failure; returns how many there are now."""
        self.failures.setdefault(key, []).append(what[-4000:])
        self._save()
        return len(self.failures[key])

    def quarantine(self, key: str, row: int) -> None:
        self.poison[key] = sorted({*self.poison.get(key, []), row})
        self._save()

    def done(self, key: str) -> None:
        if self.failures.pop(key, None) is not None or self.poison.pop(key, None) is not None:
            self.poison.pop(key, None)
            self._save()

    def _save(self) -> None:
        self.folder.write(NAME, canonical_json({"failures": self.failures, "poison": self.poison}))
