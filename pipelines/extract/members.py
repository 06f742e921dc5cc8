"""The bytes of a file that may be gzip, member by member. A damaged member ends at the beginning of the next one."""

import zlib
from typing import IO, Protocol

GZIP = b"\x1f\x8b\x08"
CHUNK = 1 << 16
OUT = 1 << 18  # bytes that one read gives at most: a bomb comes in pieces


class Broken(Exception):
    """A member could not be read to its end; the next read begins with the member after it."""


class Stream(Protocol):
    """`member` counts the pieces that were begun; `truncated` when the file ended inside one."""

    @property
    def member(self) -> int: ...

    @property
    def truncated(self) -> bool: ...

    def read(self) -> bytes:
        """The next bytes, never of two members; none at the end. Raises Broken."""
        ...


class Plain:
    """A file that is not compressed."""

    member = 0
    truncated = False

    def __init__(self, raw: IO[bytes], held: bytes) -> None:
        self._raw, self._held = raw, held

    def read(self) -> bytes:
        held, self._held = self._held, b""
        return held or self._raw.read(CHUNK)


class Members:
    """A gzip file."""

    def __init__(self, raw: IO[bytes], held: bytes) -> None:
        self._raw, self._held = raw, held
        self._engine: zlib._Decompress | None = None
        self._fresh = False
        self.member, self.truncated = 0, False

    def read(self) -> bytes:
        while True:
            if self._engine is None and not self._begin():
                return b""
            out = self._inflate()
            if out:
                return out

    def _inflate(self) -> bytes:
        assert self._engine is not None
        data = self._held or self._raw.read(CHUNK)
        if not data:
            self._engine, self.truncated = None, True
            raise Broken
        try:
            out = self._engine.decompress(data, OUT)
        except zlib.error as error:
            self._engine, self._held = None, data[self._fresh :]
            self._find()
            raise Broken from error
        self._fresh = False
        if self._engine.eof:
            self._held, self._engine = self._engine.unused_data, None
        else:
            self._held = self._engine.unconsumed_tail
        return out

    def _begin(self) -> bool:
        self._held = self._held.lstrip(b"\0")  # some writers fill up with zeros
        while len(self._held) < len(GZIP) and (more := self._raw.read(CHUNK)):
            self._held = (self._held + more).lstrip(b"\0")
        if not self._held:
            return False
        self.member += 1
        if not self._held.startswith(GZIP):
            self._find()
            raise Broken
        self._engine, self._fresh = zlib.decompressobj(31), True
        return True

    def _find(self) -> None:
        """Go to where the next member may begin."""
        while (at := self._held.find(GZIP)) < 0:
            more = self._raw.read(CHUNK)
            if not more:
                self._held = b""
                return
            self._held = self._held[-2:] + more
        self._held = self._held[at:]


class Ahead:
    """A stream of which the first bytes can be looked at: `first`, none where they are damaged."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.broken = False
        try:
            self.first = stream.read()
        except Broken:
            self.first, self.broken = b"", True

    @property
    def member(self) -> int:
        return self._stream.member

    @property
    def truncated(self) -> bool:
        return self._stream.truncated

    def read(self) -> bytes:
        if self.broken:
            self.broken = False
            raise Broken
        first, self.first = self.first, b""
        return first or self._stream.read()


def opened(raw: IO[bytes]) -> Ahead:
    head = raw.read(CHUNK)
    return Ahead(Members(raw, head) if head.startswith(GZIP) else Plain(raw, head))
