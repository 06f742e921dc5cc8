"""Records of a WARC file (ISO 28500), read as a stream and past what is damaged.

A record is given out when what follows it is seen to be in order: only then has gzip proved its bytes. After damage the
next gzip member, or the next line that begins a record, is looked for.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pipelines.extract.http import fields_of
from pipelines.extract.members import Broken, Stream
from pipelines.extract.rows import MAX_PAGE

MAGIC = b"WARC/"
MAX_BLOCK = MAX_PAGE + (1 << 16)  # bytes of a record that are kept; of a larger one only the first HEAD
HEAD = 1 << 16
_BEGIN = re.compile(rb"(?:^|\n)(WARC/1\.\d\r?\n)")
_NEWLINES = re.compile(rb"[\r\n]+")


class Record(NamedTuple):
    """`fields`: lower-case names. `block` is not `whole` when it was too large to be kept."""

    fields: dict[str, str]
    block: bytes
    whole: bool
    member: int

    @property
    def type(self) -> str:
        return self.fields.get("warc-type", "").lower()


class _Astray(Exception):
    """No record begins here. `apart`: an empty line lies before, so that the last record did end where it said."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.apart = apart


class Archive:
    """Iterate once. Then `damaged` counts the places that could not be read, `truncated` tells of a missing end."""

    def __init__(self, source: Stream) -> None:
        self._source = source
        self._held = bytearray()
        self._ended = self._in_damage = self._apart = self._lost = False
        self.damaged, self.truncated = 0, False

    def __iter__(self) -> Iterator[Record]:
        last: Record | None = None
        while True:
            try:
                record = self._next()
            except Broken:
                self._held.clear()
                self._lost = False
                if last is not None and last.member == self._source.member:
                    last = None
                self._damage()
                self.truncated |= self._source.truncated
            except _Astray as astray:
                if last is not None and not astray.apart and last.member == self._source.member:
                    self._held[:0] = last.block  # its length was wrong: the next record may lie in it
                    last = None
                self._damage()
                self._lost = True
            else:
                if last is not None:
                    yield last
                if record is None:
                    return
                last, self._in_damage = record, False

    def _next(self) -> Record | None:
        """The next record; None at the end. Raises Broken or _Astray."""
        if self._lost:
            self._find()
        self._skip_newlines()
        if not self._fill(len(MAGIC)) and not self._held:
            return None
        if not self._held.startswith(MAGIC):
            raise _Astray(self._apart)
        fields = self._fields()
        if fields is None:
            return None
        try:
            length = int(fields.get("content-length", ""))
            if length < 0:
                raise ValueError
        except ValueError:
            self._apart = True
            raise _Astray(True) from None
        return self._block(fields, length)

    def _fields(self) -> dict[str, str] | None:
        at = 0
        while True:
            ends = [(f, len(m)) for m in (b"\r\n\r\n", b"\n\n") if (f := self._held.find(m, max(0, at - 3))) >= 0]
            if ends:
                end, width = min(ends)
                fields = fields_of(bytes(self._held[:end]))
                del self._held[: end + width]
                return fields
            at = len(self._held)
            if at > HEAD:
                del self._held[: len(MAGIC)]
                raise _Astray(True)
            if not self._fill(at + 1):
                self._cut_short()
                return None

    def _block(self, fields: dict[str, str], length: int) -> Record | None:
        whole = length <= MAX_BLOCK
        keep = length if whole else HEAD
        if not self._fill(keep):
            self._cut_short()
            return None
        block = bytes(self._held[:keep])
        del self._held[:keep]
        left = length - keep
        while left:
            if not self._fill(1):
                self._cut_short()
                return None
            drop = min(left, len(self._held))
            del self._held[:drop]
            left -= drop
        self._apart = False
        return Record(fields, block, whole, self._source.member)

    def _cut_short(self) -> None:
        """The file ends where a record does not."""
        self._held.clear()
        self.truncated = True
        self._damage()

    def _damage(self) -> None:
        """Damage counts once, however often the reader stumbles before the next record."""
        self.damaged += not self._in_damage
        self._in_damage = True

    def _fill(self, count: int) -> bool:
        """Whether there are `count` bytes ahead."""
        while len(self._held) < count and not self._ended:
            more = self._source.read()
            self._ended = not more
            self._held += more
        return len(self._held) >= count

    def _skip_newlines(self) -> None:
        while self._fill(1):
            match = _NEWLINES.match(self._held)
            if match is None:
                return
            self._apart = True
            del self._held[: match.end()]

    def _find(self) -> None:
        """Go to the next line that begins a record, or to the end. Raises Broken."""
        while True:
            match = _BEGIN.search(self._held)
            if match is not None:
                del self._held[: match.start(1)]
                self._apart, self._lost = True, False
                return
            del self._held[:-16]
            if not self._fill(len(self._held) + 1):
                self._held.clear()
                self._lost = False
                return
