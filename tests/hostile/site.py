"""A web server in a thread of its own, that says byte for byte what a case tells it to, and keeps a log by case.

The first segment of a path names the case: /CASE/anything. So one server serves all cases, at any host name.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Answer = bytes | Callable[["Connection"], Awaitable[None]]
DOMAIN = "hostile.test"


@dataclass
class Connection:
    site: "HostileSite"
    case: str
    target: str  # of the request, without the case
    head: str
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        self.site.sent[self.case] += len(data)

    @property
    def asked_before(self) -> int:
        return len(self.site.heads[self.case]) - 1

    def reset(self) -> None:
        """The connection ends with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def reply(body: bytes = b"", status: str = "200 OK", *headers: str, length: int | str | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape") + body


def redirect(location: str, status: str = "302 Found", *headers: str) -> bytes:
    return reply(b"", status, f"Location: {location}", *headers)


def dead_port() -> tuple[int, list[socket.socket]]:
    """A port whose queue is full: a connection to it waits without end. The sockets are to be kept, then closed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fill = []
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
        fill.append(waiting)
    return listener.getsockname()[1], [listener, *fill]


@dataclass
class HostileSite:
    """`with HostileSite(answers) as site`; {port} and {TLS name} in byte answers stand for the ports."""

    answers: dict[str, Answer]
    tls: dict[str, ssl.SSLContext] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)  # "port" and the names of `tls`
    heads: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    targets: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    sent: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    callers: dict[str, list[tuple[int, float, str]]] = field(default_factory=lambda: defaultdict(list))

    def __enter__(self) -> "HostileSite":
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # clients that hang up are no news
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._call(self._open())
        return self

    def __exit__(self, *exc: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self) -> None:
        self._servers = [await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024)]
        self.ports["port"] = self._servers[0].sockets[0].getsockname()[1]
        for name, context in self.tls.items():
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
            self._servers.append(server)
            self.ports[name] = server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def first(self, case: str) -> float:
        """Seconds from the server's first request of all to the first of this case."""
        return (
            self.times[case][0] - min(times[0] for times in self.times.values() if times) if self.times[case] else 1e9
        )

    def gap(self, case: str) -> float:
        """Seconds between a case's first and last request."""
        return self.times[case][-1] - self.times[case][0] if self.times[case] else 0.0

    def filled(self, text: str) -> str:
        for name, port in self.ports.items():
            text = text.replace("{" + name + "}", str(port))
        return text

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, IndexError):
            await self._answer(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x16":  # TLS is spoken here where nobody understands it
            writer.write(reply(b"speak HTTP", "400 Bad Request"))
            return
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ")[1]
        case, slash, rest = path.removeprefix("/").partition("/")
        self.heads[case].append(head)
        self.times[case].append(time.monotonic())
        self.targets[case].append(slash + rest)
        caller = (writer.get_extra_info("peername")[1], time.monotonic(), slash + rest)
        self.callers[case].append(caller)  # the other side's port, when, and for what
        answer = self.answers.get(case, reply(b"nothing here", "404 Not Found"))
        connection = Connection(self, case, slash + rest, head, writer)
        if isinstance(answer, bytes):
            await connection.send(answer if len(answer) > 100_000 else self.ported(answer))
        else:
            await answer(connection)

    def ported(self, answer: bytes) -> bytes:
        for name, port in self.ports.items():
            answer = answer.replace(b"{" + name.encode() + b"}", str(port).encode())
        return answer
