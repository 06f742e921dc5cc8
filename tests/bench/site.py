"""A web of many hosts on the loopback, in a process of its own: pictures at once or late, hosts that are dead or stall.

    python -m tests.bench.site FOLDER LATENCY   prints "PORT DEAD_PORT" and serves until its input ends

A dead host is one that never takes a connection: a socket whose queue is full. Host names that begin with
`stall` are connected to and never answer.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

DOMAIN = "bench.example"


class Talk(asyncio.Protocol):
    """Keep-alive HTTP/1.1: nothing but what the measured side needs, so that the server is not what is measured."""

    pictures: list[bytes]  # whole answers
    latency: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        self.pending += data
        while b"\r\n\r\n" in self.pending:
            head, _, self.pending = self.pending.partition(b"\r\n\r\n")
            lines = head.split(b"\r\n")
            host = next((line[5:].strip() for line in lines if line[:5].lower() == b"host:"), b"")
            if host.startswith(b"stall"):
                continue
            path = lines[0].split(b" ")[1]
            answer = NOTHING
            if path.startswith(b"/p"):
                answer = self.pictures[int(path[2:].partition(b".")[0]) % len(self.pictures)]
            close = b"connection: close" in head.lower() or lines[0].endswith(b"1.0")
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.answer, answer, close)
            else:
                self.answer(answer, close)

    def answer(self, data: bytes, close: bool) -> None:
        self.transport.write(data)
        if close:
            self.transport.close()


NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def dead_socket() -> tuple[socket.socket, list[socket.socket]]:
    """A listener that nobody accepts from, its queue filled: a further connection waits without end."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fill = []
    for _ in range(4):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listener.getsockname())
        fill.append(waiting)
    return listener, fill


async def serve(folder: Path, latency: float) -> None:
    pictures = []
    for path in sorted(folder.glob("*.jpg")):
        data = path.read_bytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        pictures.append(head.encode() + data)
    Talk.pictures, Talk.latency = pictures, latency
    dead, fill = dead_socket()
    server = await asyncio.get_running_loop().create_server(Talk, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], dead.getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for waiting in fill:
        waiting.close()


@contextlib.contextmanager
def site(folder: Path, latency: float = 0.0) -> Iterator[tuple[int, int]]:
    """(port, port of the dead hosts)"""
    command = [sys.executable, "-m", "tests.bench.site", str(folder), str(latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port, dead = map(int, process.stdout.readline().split())
        try:
            yield port, dead
        finally:
            assert process.stdin
            process.stdin.close()
            threading.Timer(5, process.kill).start()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
