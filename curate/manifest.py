"""What is done, and the proof: per shard its fingerprint, rows, states and the sha256 of every file.

A unit of work is done if and only if its entry verifies. The manifest is written after the files it
names, so that a crash between the two costs one unit and never a lie.
"""

import hashlib
import json
import posixpath
from dataclasses import dataclass, field
from typing import Any

from curate.errors import InputError
from curate.files import Folder, canonical_json

NAME = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """One shard. `states` are the named states its rows ended in: they sum to `rows`."""

    fingerprint: str
    rows: int
    states: dict[str, int]
    files: dict[str, dict[str, Any]]  # base name -> {"sha256", "bytes"}
    quarantined: list[int] = field(default_factory=list)
    stands_for: str | None = None  # in fingerprints, where not every byte of the files bears on what follows

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "rows": self.rows,
            "states": self.states,
            "files": self.files,
        }
        if self.quarantined:
            found["quarantined"] = self.quarantined
        if self.stands_for:
            found["stands_for"] = self.stands_for
        return found

    def content(self) -> str:
        """The hash that stands for the shard's content in the fingerprints of what follows."""
        return self.stands_for or hashlib.sha256(canonical_json(self.files)).hexdigest()


@dataclass
class Manifest:
    folder: Folder
    under: str
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Folder, under: str) -> "Manifest":
        """The manifest of a folder; empty where there is none."""
        name = posixpath.join(under, NAME)
        if not folder.exists(name):
            return cls(folder, under)
        try:
            data = json.loads(folder.read(name))
            entries = {shard: Entry(**entry) for shard, entry in data["shards"].items()}
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InputError(
                f"{folder.url(name)}: not a manifest ({error})",
                "remove the file and run again: the shards beside it are then made anew",
            ) from error
        return cls(folder, under, entries)

    def save(self) -> None:
        shards = {shard: self.entries[shard].as_dict() for shard in sorted(self.entries)}
        self.folder.write(posixpath.join(self.under, NAME), canonical_json({"shards": shards}))

    def damage(self, shard: str, *, full: bool = True) -> str | None:
        """What is wrong with a shard's files, or None. `full` hashes them, else only sizes are compared."""
        entry = self.entries[shard]
        for base, record in entry.files.items():
            name = posixpath.join(self.under, base)
            if not self.folder.exists(name):
                return f"{self.folder.url(name)}: missing"
            if self.folder.size(name) != record["bytes"]:
                return f"{self.folder.url(name)}: not the size it was written with"
            if full and self.folder.sha256(name) != record["sha256"]:
                return f"{self.folder.url(name)}: not the bytes that were written"
        if sum(entry.states.values()) != entry.rows:
            return f"{self.folder.url(self.under)}/{shard}: states {entry.states} do not sum to {entry.rows} rows"
        return None

    def content(self) -> str:
        """One hash over every shard: the identity of the whole folder."""
        digest = hashlib.sha256()
        for shard in sorted(self.entries):
            digest.update(f"{shard} {self.entries[shard].content()}\n".encode())
        return digest.hexdigest()

    def rows(self) -> int:
        return sum(entry.rows for entry in self.entries.values())

    def states(self) -> dict[str, int]:
        total: dict[str, int] = {}
        for entry in self.entries.values():
            for state, count in entry.states.items():
                total[state] = total.get(state, 0) + count
        return dict(sorted(total.items()))
