"""Answers that never end, come drop by drop, are cut off, or are bombs."""

import asyncio
import gzip
import io
import socket
import zlib
from collections.abc import Awaitable, Callable, Iterator

from PIL import Image

from tests.conftest import picture
from tests.hostile.site import Answer, Connection, redirect, reply

CAP = 4_000_000  # max_bytes of the suite's policy
JPEG = picture(1, (120, 90))
HALF = len(JPEG) // 2
CHUNKED = "Transfer-Encoding: chunked"


def encoded(image_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(JPEG)).save(out, image_format, **options)
    return out.getvalue()


def raw(text: str, body: bytes = b"") -> bytes:
    """An answer as it is written here, each line end made \\r\\n."""
    return text.replace("\n", "\r\n").encode("latin-1") + body


def chunks(*parts: bytes, end: bytes = b"0\r\n\r\n", headers: str = CHUNKED) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return raw(f"HTTP/1.1 200 OK\n{headers}\nConnection: close\n\n", body + end)


def written(*pieces: bytes | float, reset: bool = False) -> Answer:
    """Bytes are sent, numbers are seconds of silence; at the end the connection is closed, or reset."""

    async def answer(connection: Connection) -> None:
        for piece in pieces:
            if isinstance(piece, bytes):
                await connection.send(piece)
            else:
                await asyncio.sleep(piece)
        if reset:
            await asyncio.sleep(0.05)  # what was sent has to arrive before the reset discards it
            connection.reset()

    return answer


def drip(head: bytes, drops: Callable[[], Iterator[bytes]], seconds: float = 1.0) -> Answer:
    async def answer(connection: Connection) -> None:
        await connection.send(head)
        for drop in drops():
            await connection.send(drop)
            await asyncio.sleep(seconds)

    return answer


def one_by_one(data: bytes) -> Callable[[], Iterator[bytes]]:
    return lambda: (data[at : at + 1] for at in range(len(data)))


def endless(head: bytes, piece: bytes) -> Answer:
    async def answer(connection: Connection) -> None:
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        await connection.send(head)
        for _ in range(100_000_000 // len(piece)):
            await connection.send(piece)

    return answer


def after(failures: int, bad: Answer, good: Answer = b"") -> Answer:
    """The bad answer so many times, then the good one: an image, if none is given."""

    async def answer(connection: Connection) -> None:
        chosen = bad if connection.asked_before < failures else good or reply(JPEG)
        await (connection.send(chosen) if isinstance(chosen, bytes) else chosen(connection))

    return answer


def hops(count: int, seconds: float = 0.0, last: bytes = reply(JPEG)) -> Answer:
    """/0 leads to /1 and so on; /count is the last."""

    async def answer(connection: Connection) -> None:
        at = int(connection.target.strip("/").replace("x.jpg", "0"))
        await asyncio.sleep(seconds if at < count else 0)
        await connection.send(last if at >= count else redirect(str(at + 1)))

    return answer


def by_target(**answers: bytes) -> Answer:
    """/a, /b ... each with an answer of its own."""

    async def answer(connection: Connection) -> None:
        found = answers.get(connection.target.strip("/"), reply(b"", "404 Not Found"))
        await connection.send(connection.site.ported(found))

    return answer


def gzip_bomb(size: int = 200_000_000) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


def endless_gzip() -> Answer:
    """A stream whose every flushed block is a megabyte of zeros, over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blocks = [packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2)]
    return endless(raw("HTTP/1.1 200 OK\nContent-Encoding: gzip\n\n", blocks[0]), blocks[1])


def gzip_members(count: int) -> bytes:
    return gzip.compress(JPEG[:1]) + gzip.compress(b"") * (count - 1)


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def later(make: Callable[[], bytes]) -> Answer:
    """An answer that is made when it is asked for."""

    async def answer(connection: Connection) -> Awaitable[None] | None:
        return await connection.send(make())

    return answer  # type: ignore[return-value]
