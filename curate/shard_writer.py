"""Numbered tars of a bounded size, as DataComp's resharder counts them; an interrupted export goes on at its last one.

The manifest beside the tars names what they were made of and every finished file's sha256. The samples come in the
same order each time, so what the finished tars hold is passed over, unread, and the next tar begins where it would
have begun.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from curate.errors import MachineError
from curate.files import ATTEMPT, Content, Folder, canonical_json, content_sha256
from curate.manifest import NAME, Entry, Manifest
from curate.tars import TarBuilder
from curate.uid import fingerprint

VERSION = 1
META = "meta"  # the manifest's last entry: the export is whole
WRITTEN = "written"
OWN = re.compile(rf"\d{{8}}(\.tar|_stats\.json)|sizes\.json|sample_ids\.npy|meta\.json|{NAME}")
Parts = Mapping[str, bytes]  # extension -> bytes


@dataclass
class ShardWriter:
    """A tar is full with `most_samples`, or from `most_bytes` of members on."""

    out: Folder
    most_samples: int
    most_bytes: int
    mark: str  # what the samples are: an export of others is neither gone on with nor replaced
    sizes: dict[str, int] = field(default_factory=dict)  # tar -> its samples
    passed: int = field(init=False, default=0)  # samples that were there already
    _tar: TarBuilder | None = None
    _count: int = 0
    _bytes: int = 0

    def __post_init__(self) -> None:
        """Raises MachineError for a folder that holds other things."""
        self._mark = fingerprint(VERSION, self.mark, self.most_samples, self.most_bytes)
        self._manifest = self._claimed()
        self.done = META in self._manifest.entries and not any(map(self._manifest.damage, self._manifest.entries))
        if self.done:
            return
        self._forget_all_but(self._sound())
        if NAME not in self.out.names():
            self._manifest.save()
        self._left = self.passed = sum(self.sizes.values())

    def add(self, key: str, read: Callable[[], Parts]) -> None:
        """The next sample. `read` is called before this returns, or never: its tar may be there already."""
        if self._left:
            self._left -= 1
            return
        if self._tar is not None and (self._count >= self.most_samples or self._bytes >= self.most_bytes):
            self.close()
        if self._tar is None:
            self._tar = TarBuilder()
        for extension, data in read().items():
            self._tar.add(f"{key}.{extension}", data)
            self._bytes += len(data)
        self._count += 1

    def finish(self, files: Mapping[str, bytes]) -> None:
        """These files come last; only then the export counts as whole."""
        self._publish(META, 0, files)

    def close(self) -> None:
        """The tar that is begun is the last, or full."""
        if self._tar is None:
            return
        number = f"{len(self.sizes):08d}"
        files = {
            f"{number}.tar": self._tar.finish(),
            f"{number}_stats.json": canonical_json({"successes": self._count}),
        }
        self._publish(number, self._count, files)
        self.sizes[f"{number}.tar"] = self._count
        self._tar, self._count, self._bytes = None, 0, 0

    def _publish(self, name: str, samples: int, files: Mapping[str, Content]) -> None:
        records = {}
        for base, data in files.items():
            digest, size = content_sha256(data)
            self.out.publish(self.out.stage(base, "export", data), base)
            records[base] = {"sha256": digest, "bytes": size}
        self._manifest.entries[name] = Entry(self._mark, samples, {WRITTEN: samples}, records)
        self._manifest.save()

    def _claimed(self) -> Manifest:
        there = [name for name in self.out.names() if not name.startswith(ATTEMPT)]
        others = [name for name in there if not OWN.fullmatch(name)]
        if others or (there and NAME not in there):
            shown = ", ".join((others or there)[:3])
            raise MachineError(f"{self.out.url()}: holds other things ({shown})", "export to a folder of its own")
        manifest = Manifest.load(self.out, "")
        if any(entry.fingerprint != self._mark for entry in manifest.entries.values()):
            raise MachineError(
                f"{self.out.url()}: holds an export of other samples, or with other limits",
                "export to another folder, or remove this one first",
            )
        self.out.sweep("")
        return manifest

    def _sound(self) -> list[str]:
        """The tars from the first one on that are there and whole. What comes after a damaged one is made anew."""
        found: list[str] = []
        while (number := f"{len(found):08d}") in self._manifest.entries and not self._manifest.damage(number):
            found.append(number)
        return found

    def _forget_all_but(self, sound: list[str]) -> None:
        entries = {number: self._manifest.entries[number] for number in sound}
        if entries.keys() != self._manifest.entries.keys():
            self._manifest.entries = entries
            self._manifest.save()
        kept = {base for entry in entries.values() for base in entry.files}
        for name in self.out.names():
            if name != NAME and name not in kept:
                self.out.remove(name)
        self.sizes = {f"{number}.tar": entry.rows for number, entry in entries.items()}
