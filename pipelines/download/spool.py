"""Bytes that wait until their unit is whole: in memory while they are few, then in a temporary file."""

import tempfile
from dataclasses import dataclass, field
from typing import IO, Any

IN_MEMORY = 4 << 20  # bytes


@dataclass(frozen=True)
class Held:
    spool: "Spool"
    offset: int
    size: int

    def read(self) -> bytes:
        self.spool.file.seek(self.offset)
        return self.spool.file.read(self.size)


def _file() -> Any:
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)


@dataclass
class Spool:
    file: IO[bytes] = field(default_factory=_file)
    size: int = 0

    def put(self, data: bytes) -> Held:
        """All is put in before anything is read."""
        self.file.write(data)
        held = Held(self, self.size, len(data))
        self.size += len(data)
        return held
