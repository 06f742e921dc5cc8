"""Lines of a text of any size, in blocks: neither the text nor one endless line is ever in memory whole."""

import io
import re
from collections.abc import Iterator
from typing import IO

from curate.errors import InputError

BLOCK = 1 << 20  # bytes read at once
MOST = 10_000_000  # bytes of one line; of a longer one this much and a byte are given, and the rest is passed over
_LONE = re.compile("[\udc80-\udcff]")
_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class Counted:
    """A stream that counts the bytes that were read from it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self.count += len(data)
        return data

    def __enter__(self) -> "Counted":
        return self

    def __exit__(self, *exc: object) -> None:
        self._stream.close()


def byte_blocks(stream: Counted, path: str, carriage: bool = False) -> Iterator[bytes]:
    """Bytes that end where a line ends. `carriage`: a text without line feeds ends its lines with \\r.

    Raises InputError for UTF-16, told by its byte order mark; the mark of UTF-8 is taken off.
    """
    held = b""
    for chunk in _chunks(stream, path):
        if len(held) > MOST:
            end = chunk.find(b"\n")
            chunk = chunk[end:] if end >= 0 else b""
        cut = chunk.rfind(b"\n") + 1
        if not cut and carriage:
            cut = chunk.rfind(b"\r", 0, -1) + 1  # the last byte may be the first half of \r\n
        if cut:
            yield held + chunk[:cut]
            held = chunk[cut:]
        elif len(held) <= MOST:
            held = (held + chunk)[: MOST + 1]
    if held:
        yield held


def _chunks(stream: Counted, path: str) -> Iterator[bytes]:
    first = stream.read(BLOCK)
    while 0 < len(first) < 3 and (more := stream.read(BLOCK)):  # some streams begin with a byte or two
        first += more
    if first[:2] in _MARKS:
        raise InputError(f"{path}: its text is {_MARKS[first[:2]]}, not UTF-8", "iconv -f UTF-16 -t UTF-8 mends it")
    yield first.removeprefix(b"\xef\xbb\xbf")
    while chunk := stream.read(BLOCK):
        yield chunk


def byte_lines(stream: Counted, path: str) -> Iterator[bytes]:
    """Lines that end with a line feed, as JSON's do, without it."""
    for block in byte_blocks(stream, path):
        yield from block.removesuffix(b"\n").split(b"\n")


def text_lines(stream: Counted, path: str) -> Iterator[str]:
    """Lines with their ends, which may be \\n, \\r\\n or \\r. A byte that is not UTF-8 becomes a lone surrogate.

    A line that is too long has as many characters as bytes.
    """
    for block in byte_blocks(stream, path, carriage=True):
        if len(block) > MOST:
            line, _, rest = block.partition(b"\n")
            if len(line) > MOST:
                yield line.decode("latin-1") + "\n"
                block = rest
        yield from io.StringIO(block.decode("utf-8", "surrogateescape"), newline="")


def undecodable(text: str) -> bool:
    """Something in it was not UTF-8."""
    return not text.isascii() and _LONE.search(text) is not None
