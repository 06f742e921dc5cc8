"""One request to the planted web and its answer: an image, a refusal, or one of the web's bad manners."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import polars as pl

from curate.planted.answers import Behaviour

ENDLESS_BYTES = 64 * 2**20  # even an endless body ends, for the sake of a client without a limit
PIECE = b"\0" * 65536
SLOW_PIECES, SLOW_PAUSE = 8, 0.12  # a slow body that does arrive
DRIP_PAUSE = 0.4
IDLE = 120.0  # nobody waits longer


@dataclass(frozen=True)
class Served:
    """A row of pages.parquet."""

    behaviour: Behaviour
    content_type: str
    headers: dict[str, str]
    location: str | None
    offset: int
    size: int


class Site:
    """What there is to serve, and the counts of what was served."""

    def __init__(self, folder: Path) -> None:
        self.requests: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.pages = _read_pages(folder / "pages.parquet")
        self.bodies = (folder / "pages" / "bodies.bin").open("rb")

    def body(self, page: Served) -> bytes:
        self.bodies.seek(page.offset)  # one thread reads
        return self.bodies.read(page.size)


def _read_pages(path: Path) -> dict[str, Served]:
    return {
        row["url"]: Served(
            Behaviour(row["behaviour"]), row["content_type"], json.loads(row["headers"]), row["location"],
            row["offset"], row["size"],
        )
        for row in pl.read_parquet(path).iter_rows(named=True)
    }  # fmt: skip


class Hangup(Exception):
    """This connection is not to be used again."""


class Exchange:
    """One request and its answer."""

    def __init__(self, site: Site, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        first, *lines = head.split("\r\n")
        self.method, self.target, *_ = [*first.split(" "), "", ""]
        fields = {name.strip().lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
        self.closes = fields.get("connection", "").lower() == "close" or first.endswith("HTTP/1.0")
        self.url = f"http://{fields.get('host', '').lower().removesuffix(':80')}{self.target}"
        self.site, self.reader, self.writer = site, reader, writer

    async def answer(self) -> None:
        self.site.requests[self.url] += 1
        page = self.site.pages.get(self.url)
        if page is None:
            await self.reply(404, b"no such page")
        else:
            await ANSWERS.get(page.behaviour, _image)(self, page)

    async def reply(
        self,
        status: int,
        body: bytes = b"",
        content_type: str = "text/html",
        headers: dict[str, str] | None = None,
    ) -> None:
        """A whole answer."""
        head = self.head(status, len(body), content_type, headers)
        await self.write(head if self.method == "HEAD" else head + body)

    def head(self, status: int, length: int | None, content_type: str, headers: dict[str, str] | None = None) -> bytes:
        fields = {"Server": "planted", "Content-Type": content_type}
        if length is not None and status != HTTPStatus.NO_CONTENT:
            fields["Content-Length"] = str(length)
        fields |= headers or {}
        if self.closes:
            fields["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode("latin-1")

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.site.sent[self.url] += len(data)

    async def pause(self, seconds: float) -> None:
        """Waits, unless the client leaves first."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reader.read(1), seconds)
            raise Hangup

    def body(self, page: Served) -> bytes:
        return self.site.body(page)


Answer = Callable[[Exchange, Served], Coroutine[None, None, None]]


async def _image(exchange: Exchange, page: Served) -> None:
    await exchange.reply(200, exchange.body(page), page.content_type, page.headers)


def _refusal(status: int, headers: dict[str, str] | None = None) -> Answer:
    async def refuse(exchange: Exchange, page: Served) -> None:
        await exchange.reply(status, b"" if status == HTTPStatus.NO_CONTENT else b"sorry", headers=headers)

    return refuse


def _redirect(status: int) -> Answer:
    async def redirect(exchange: Exchange, page: Served) -> None:
        await exchange.reply(status, headers={"Location": page.location or ""})

    return redirect


async def _throttled_once(exchange: Exchange, page: Served) -> None:
    if exchange.site.requests[exchange.url] == 1:
        await exchange.reply(429, b"slow down", headers={"Retry-After": "1"})
    else:
        await _image(exchange, page)


async def _slow(exchange: Exchange, page: Served) -> None:
    body = exchange.body(page)
    await exchange.write(exchange.head(200, len(body), page.content_type))
    step = -(-len(body) // SLOW_PIECES)
    for start in range(0, len(body), step):
        await asyncio.sleep(SLOW_PAUSE)
        await exchange.write(body[start : start + step])


async def _gzipped(exchange: Exchange, page: Served) -> None:
    packed = gzip.compress(exchange.body(page), compresslevel=1, mtime=0)
    await exchange.reply(200, packed, page.content_type, {"Content-Encoding": "gzip"})


async def _silent(exchange: Exchange, page: Served) -> None:
    await exchange.pause(IDLE)
    raise Hangup


async def _drip(exchange: Exchange, page: Served) -> None:
    body = exchange.body(page)
    await exchange.write(exchange.head(200, len(body), page.content_type))
    for i in range(min(len(body) - 1, round(IDLE / DRIP_PAUSE))):
        await exchange.write(body[i : i + 1])
        await exchange.pause(DRIP_PAUSE)
    raise Hangup


async def _drip_headers(exchange: Exchange, page: Served) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(round(IDLE / DRIP_PAUSE)):
        await exchange.write(f"X-Wait-{i}: a moment please\r\n".encode())
        await exchange.pause(DRIP_PAUSE)
    raise Hangup


async def _truncated(exchange: Exchange, page: Served) -> None:
    body = exchange.body(page)
    await exchange.write(exchange.head(200, len(body), page.content_type) + body[: len(body) // 2])
    raise Hangup


def _torrent(length: int | None) -> Answer:
    """More bytes than anybody wants, announced (`length`) or not."""

    async def pour(exchange: Exchange, page: Served) -> None:
        exchange.closes = True
        connection = exchange.writer.get_extra_info("socket")
        # A small kernel buffer, so that `sent` is near to what the client took.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(PIECE))
        await exchange.write(exchange.head(200, length, page.content_type) + exchange.body(page))
        while exchange.site.sent[exchange.url] < ENDLESS_BYTES * exchange.site.requests[exchange.url]:
            await exchange.write(PIECE)
        raise Hangup

    return pour


async def _reset(exchange: Exchange, page: Served) -> None:
    connection = exchange.writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    exchange.writer.transport.abort()
    raise Hangup


ANSWERS: dict[Behaviour, Answer] = {  # every other one sends its body as it is
    Behaviour.THROTTLED_ONCE: _throttled_once,
    Behaviour.SLOW: _slow,
    Behaviour.REDIRECT_301: _redirect(301),
    Behaviour.REDIRECT_302: _redirect(302),
    Behaviour.REDIRECT_307: _redirect(307),
    Behaviour.REDIRECT_308: _redirect(308),
    Behaviour.REDIRECT_CHAIN: _redirect(302),
    Behaviour.REDIRECT_LOOP: _redirect(302),
    Behaviour.REDIRECT_LOOPBACK: _redirect(302),
    Behaviour.REDIRECT_LINK_LOCAL: _redirect(302),
    Behaviour.REDIRECT_FILE: _redirect(302),
    Behaviour.REDIRECT_FTP: _redirect(302),
    Behaviour.GZIPPED: _gzipped,
    Behaviour.NOT_FOUND: _refusal(404),
    Behaviour.GONE: _refusal(410),
    Behaviour.THROTTLED: _refusal(429, {"Retry-After": "1"}),
    Behaviour.BROKEN: _refusal(500),
    Behaviour.UNAVAILABLE: _refusal(503, {"Retry-After": "1"}),
    Behaviour.NO_CONTENT: _refusal(204),
    Behaviour.SILENT: _silent,
    Behaviour.DRIP: _drip,
    Behaviour.DRIP_HEADERS: _drip_headers,
    Behaviour.TRUNCATED: _truncated,
    Behaviour.ENDLESS: _torrent(None),
    Behaviour.OVERSIZED: _torrent(8 * 2**30),
    Behaviour.RESET: _reset,
}
