"""A response body, decompressed while it arrives, under one cap before and after.

Identity is asked for, but some servers compress regardless. gzip and deflate are undone; another encoding is
refused, because what lies under it cannot be seen.
"""

import io
import zlib

from curate.schema import Outcome
from pipelines.download.policy import Refused

MAX_MEMBERS = 100  # of one gzip stream; an honest one has one
_GZIP, _ZLIB, _RAW = 31, 15, -15
_PLAIN = ("", "identity", "none")


class Body:
    """Takes chunks as they came, gives the bytes they stand for. Raises Refused."""

    def __init__(self, content_encoding: str, max_bytes: int) -> None:
        codings = [c.strip().lower() for c in content_encoding.split(",")]
        codings = [c for c in codings if c not in _PLAIN]
        if any(c not in ("gzip", "x-gzip", "deflate") for c in codings) or len(codings) > 1:
            shown = content_encoding[:40]
            raise Refused(Outcome.NOT_AN_IMAGE, f"its content encoding is not supported: {shown!r}")
        self._coding = codings[0] if codings else ""
        self._max = max_bytes
        self._wire = 0
        self._members = 0
        self._pending = b""
        self._inflate: zlib._Decompress | None = None
        # A BytesIO gives its buffer away without a copy: the body is in memory once.
        self._out = io.BytesIO()

    def feed(self, chunk: bytes) -> None:
        self._wire += len(chunk)
        if not self._coding:
            self._out.write(chunk if self._wire <= self._max else chunk[: self._max - self._wire])
        if self._wire > self._max:
            raise self._too_large()
        if not self._coding:
            return
        try:
            self._decompress(self._pending + chunk)
        except zlib.error as error:
            raise Refused(Outcome.NOT_AN_IMAGE, f"it is no {self._coding} stream as it says") from error

    def finish(self) -> bytes:
        if self._coding and self._wire and (self._inflate is None or not self._inflate.eof):
            raise Refused(Outcome.TRUNCATED_BODY, f"the {self._coding} stream stops before its end")
        return self._out.getvalue()

    def so_far(self) -> bytes:
        """What there is of it, within the cap, for a text of which the beginning is worth something."""
        return self._out.getvalue()[: self._max]

    def _decompress(self, data: bytes) -> None:
        self._pending = b""
        while data:
            if self._inflate is None or self._inflate.eof:
                if len(data) < 2:  # too short to tell what begins here
                    self._pending = data
                    return
                if self._members and not data.startswith(b"\x1f\x8b"):
                    return  # padding behind the end, which browsers ignore too
                self._begin(data)
            assert self._inflate is not None
            # One byte more than allowed tells "just enough" from "too much".
            room = self._max + 1 - self._out.tell()
            self._out.write(self._inflate.decompress(data, room))
            if self._out.tell() > self._max:
                raise self._too_large()
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def _begin(self, data: bytes) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise Refused(Outcome.TOO_LARGE, f"more than {MAX_MEMBERS} compressed members")
        if self._coding != "deflate":
            self._inflate = zlib.decompressobj(_GZIP)
        else:  # "deflate" means zlib's format, but many servers send the bare stream
            zlib_header = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._inflate = zlib.decompressobj(_ZLIB if zlib_header else _RAW)

    def _too_large(self) -> Refused:
        return Refused(Outcome.TOO_LARGE, f"more than {self._max:,} bytes")
