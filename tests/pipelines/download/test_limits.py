"""Bounds of time and bytes, measured one by one; slow and broken servers are among the cases of tests/hostile."""

import asyncio
import socket
import time
import tracemalloc

import pytest

from curate.schema import Outcome


def test_a_name_server_that_is_silent(ask, jpeg) -> None:
    class Silent:
        async def __call__(self, host: str, port: int) -> list[str]:
            await asyncio.sleep(30)
            return []

    begun = time.monotonic()
    talk = ask({"/": ask.reply(jpeg)}, "http://slow.example/", "/", resolver=Silent(), timeout=1.0, retries=0)
    assert [r.outcome for r in talk.results] == [Outcome.TIMEOUT, Outcome.OK]
    assert time.monotonic() - begun < 10


def test_a_server_that_accepts_and_never_shakes_hands(ask) -> None:
    async def hold(connection) -> None:
        await asyncio.sleep(30)

    begun = time.monotonic()
    talk = ask({"/": hold}, "https://127.0.0.1:{port}/", timeout=1.0, retries=0)
    assert talk.only.outcome is Outcome.TIMEOUT
    assert 1 <= time.monotonic() - begun < 10


@pytest.mark.parametrize("head", ["", "Transfer-Encoding: chunked\r\n"])
def test_an_endless_body_is_cut_off_near_the_cap(ask, head: str) -> None:
    """The server counts what it could send: near the cap, kernel buffers included, which grow on a busy machine."""
    cap = 8_000_000
    chunk = bytes(65_536)

    async def endless(connection) -> None:
        connection.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        await connection.send(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
        for _ in range(10_000):
            await connection.send(b"10000\r\n" + chunk + b"\r\n" if head else chunk)

    tracemalloc.start()
    talk = ask({"/": endless}, max_bytes=cap)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert talk.only.outcome is Outcome.TOO_LARGE and talk.only.body is None
    assert cap <= talk.web.sent["/"] <= cap + 4_000_000
    assert peak < 1.5 * cap + 4_000_000  # one growing buffer


def test_the_cap_is_exact(ask) -> None:
    talk = ask({"/at": ask.reply(bytes(1_000)), "/over": ask.reply(bytes(1_001))}, max_bytes=1_000)
    assert [r.outcome for r in talk.results] == [Outcome.OK, Outcome.TOO_LARGE]


def test_a_large_announced_body_is_not_read(ask) -> None:
    async def announced(connection) -> None:
        await connection.send(ask.reply(b"", length=30_000_000))
        for _ in range(450):
            await connection.send(bytes(65_536))

    talk = ask({"/": announced})
    assert talk.only.outcome is Outcome.TOO_LARGE
    assert talk.web.sent["/"] < 8_000_000  # no more than the kernel's buffers take


def test_a_body_is_in_memory_once(ask) -> None:
    size = 16_000_000
    body = bytes(size)

    async def large(connection) -> None:
        await connection.send(ask.reply(b"", length=size))
        view = memoryview(body)
        for at in range(0, size, 65_536):
            await connection.send(view[at : at + 65_536])

    tracemalloc.start()
    talk = ask({"/": large})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert talk.only.body is not None and len(talk.only.body) == size
    assert peak < 1.6 * size  # a buffer that grows by eighths, and nothing beside it
