"""An HTTP answer as a crawler stored it: status, headers, and the body with its encodings undone, within a limit.

Crawlers differ in what they stored: the header often speaks of an encoding that is undone already. A body that does
not begin as its encoding does is taken as it is; of one that breaks off, what came before counts.
"""

import re
import zlib
from dataclasses import dataclass

import brotli

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})")
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\s;\"',]+)", re.IGNORECASE)
_CUT = 1 << 16  # bytes that headers may have
ENCODINGS = 3  # more of them on one body are a trick


class TooLarge(Exception):
    """The body is larger than the limit."""


class Damaged(Exception):
    """Not an HTTP answer, or not encoded as it says."""


@dataclass(frozen=True)
class Head:
    """`fields`: lower-case names; of a repeated field the first. `length` in bytes, with the empty line."""

    status: int
    fields: dict[str, str]
    length: int

    @property
    def media_type(self) -> str:
        return self.fields.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        match = _CHARSET.search(self.fields.get("content-type", ""))
        return match[1] if match else None


def head_of(block: bytes) -> Head:
    """Raises Damaged."""
    status = _STATUS.match(block)
    ends = [(at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := block.find(mark, 0, _CUT)) >= 0]
    if status is None or not ends:
        raise Damaged("no HTTP header")
    at, width = min(ends)
    return Head(int(status[1]), fields_of(block[:at]), at + width)


def fields_of(lines: bytes) -> dict[str, str]:
    """The fields of a header block; its first line is not one of them."""
    found: dict[str, str] = {}
    for line in lines.split(b"\n")[1:]:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon:
            found.setdefault(name.strip().lower(), value.strip())
    return found


def body_of(head: Head, block: bytes, limit: int) -> bytes:
    """The body as a browser would see it. Raises TooLarge or Damaged."""
    body = block[head.length :]
    if "chunked" in head.fields.get("transfer-encoding", "").lower():
        body = unchunked(body)
    names = [name.strip().lower() for name in head.fields.get("content-encoding", "").split(",")]
    names = [name for name in names if name not in ("", "identity", "none")]
    if len(names) > ENCODINGS:
        raise Damaged("more encodings than there should be")
    for name in reversed(names):
        body = _undone(name, body, limit)
    if len(body) > limit:
        raise TooLarge
    return body


def unchunked(body: bytes) -> bytes:
    """The chunks put together; a body that does not begin with one is taken as it is."""
    parts: list[bytes] = []
    at = 0
    while (size := _CHUNK_SIZE.match(body, at)) is not None:
        length = int(size[1], 16)
        if not length:
            return b"".join(parts)
        parts.append(body[size.end() : size.end() + length])
        at = size.end() + length
        at += 2 if body[at : at + 2] == b"\r\n" else 1 if body[at : at + 1] == b"\n" else 0
    return b"".join(parts) if parts else body


def _undone(name: str, body: bytes, limit: int) -> bytes:
    if name in ("gzip", "x-gzip"):
        return _inflated(body, 31, limit) if body[:2] == b"\x1f\x8b" else body
    if name == "deflate":
        zlib_header = len(body) > 1 and body[0] & 15 == 8 and (body[0] * 256 + body[1]) % 31 == 0
        return body if _is_markup(body) else _inflated(body, 15 if zlib_header else -15, limit)
    if name == "br":
        return body if _is_markup(body) else _unbrotlied(body, limit)
    if _is_markup(body):
        return body
    raise Damaged(f"content-encoding {name[:20]}")


def _is_markup(body: bytes) -> bool:
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _inflated(body: bytes, bits: int, limit: int) -> bytes:
    made, engine = bytearray(), zlib.decompressobj(bits)
    try:
        made += engine.decompress(body, limit + 1)
    except zlib.error as error:
        # The whole of it is refused: to get at what came before the error, it goes in piece by piece.
        made = _up_to_the_error(body, bits, limit)
        if not made:
            raise Damaged(str(error)) from error
    if len(made) > limit:
        raise TooLarge
    return bytes(made)


def _up_to_the_error(body: bytes, bits: int, limit: int) -> bytearray:
    made, engine = bytearray(), zlib.decompressobj(bits)
    try:
        for at in range(0, len(body), 1024):
            piece = engine.decompress(body[at : at + 1024], limit + 1 - len(made))
            made += piece
            if len(made) > limit:
                break
    except zlib.error:
        pass  # what was made before the error is what there is
    return made


def _unbrotlied(body: bytes, limit: int) -> bytes:
    made, engine = bytearray(), brotli.Decompressor()
    piece = body
    try:
        while not engine.is_finished():
            out = engine.process(piece, output_buffer_limit=1 << 20)
            made += out
            piece = b""
            if len(made) > limit:
                raise TooLarge
            if not out and engine.can_accept_more_data():
                break  # it ends too early
    except brotli.error as error:
        if not made:
            raise Damaged(str(error)) from error
    if not made and not engine.is_finished():
        raise Damaged("nothing of the brotli stream can be read")
    return bytes(made)
