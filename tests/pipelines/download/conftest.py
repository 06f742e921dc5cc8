"""A web server that answers exactly what a test says, byte for byte, and keeps a log."""

import asyncio
import contextlib
import io
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from PIL import Image

from pipelines.download.answer import Fetched
from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy

Answer = bytes | Callable[["Connection"], Awaitable[None]]


@dataclass
class Connection:
    web: "Web"
    path: str
    head: str
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.web.sent[self.path] += len(data)


@dataclass
class Web:
    """`answers` by path. Every connection carries one request."""

    answers: dict[str, Answer]
    port: int = 0
    connections: int = 0
    now: int = 0  # connections that are open
    most: int = 0  # at once
    requests: list[str] = field(default_factory=list)  # paths
    heads: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)

    async def __aenter__(self) -> "Web":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1_000)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.now += 1
        self.most = max(self.most, self.now)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path = head.split(" ")[1]
            self.requests.append(path)
            self.heads.append(head)
            self.times.append(asyncio.get_running_loop().time())
            answer = self.answers.get(path, reply(b"nothing here", "404 Not Found"))
            connection = Connection(self, path, head, writer)
            if isinstance(answer, bytes):
                await connection.send(answer)
            else:
                await answer(connection)
        self.now -= 1  # before the other side can know
        with contextlib.suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()


def reply(body: bytes = b"", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape") + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return reply(b"", status, f"Location: {location}")


class FakeClock:
    """Sleeps at once and remembers for how long; it is that much later then."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    def time(self) -> float:
        return time.monotonic() + sum(self.pauses)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


class FakeResolver:
    """Answers a name's addresses, the next list at every further question, and keeps the names."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): list(lists) for name, lists in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        lists = self.answers.get(host)
        if not lists:
            raise OSError("no such name")
        return lists.pop(0) if len(lists) > 1 else lists[0]


class Connects:
    """Makes the sockets, and remembers every address that was about to be connected to."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []

    def __call__(self, info: tuple) -> socket.socket:
        self.addresses.append(info[4][:2])
        return socket.socket(*info[:3])


@dataclass
class Talk:
    """What `ask` gives back: one result for each URL, and the server's log."""

    results: list[Fetched]
    web: Web
    clock: FakeClock
    connects: Connects

    @property
    def only(self) -> Fetched:
        (result,) = self.results
        return result


class Ask:
    """Serves the answers, fetches the URLs, gives both sides of the story.

    A URL that is only a path is one of the server; {port} stands for the server's port.
    """

    reply = staticmethod(reply)
    redirect = staticmethod(redirect)
    Resolver = FakeResolver

    def __call__(
        self,
        answers: dict[str, Answer],
        *urls: str,
        resolver: FakeResolver | None = None,
        allow: tuple[str, ...] = ("127.0.0.1:{port}",),
        resolve: dict[str, str] | None = None,
        **policy: object,
    ) -> Talk:
        async def talk() -> Talk:
            clock, connects = FakeClock(), Connects()
            async with Web(answers) as web:
                fill = {"{port}": str(web.port)}
                for path, answer in answers.items():
                    if isinstance(answer, bytes):
                        web.answers[path] = answer.replace(b"{port}", str(web.port).encode())
                settings = FetchPolicy(
                    allow_private_hosts=tuple(entry.replace("{port}", fill["{port}"]) for entry in allow),
                    resolve={k: v.replace("{port}", fill["{port}"]) for k, v in (resolve or {}).items()},
                    **{"robots": "off", **policy},  # type: ignore[arg-type]
                )
                asked = [
                    (f"http://127.0.0.1:{web.port}{url}" if url.startswith("/") else url).replace(
                        "{port}", str(web.port)
                    )
                    for url in urls or list(answers)
                ]
                fetcher = Fetcher(settings, resolver=resolver, connect=connects, clock=clock, rng=random.Random(1))
                async with fetcher:
                    results = await fetcher.fetch_all(asked)
                return Talk(results, web, clock, connects)

        return asyncio.run(talk())


@pytest.fixture
def ask() -> Ask:
    return Ask()


@pytest.fixture
def web() -> type[Web]:
    return Web


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "JPEG")
    return out.getvalue()
