"""Connections that only ever go to admitted addresses.

aiohttp asks `CheckedResolver` for the addresses of a name, and gets all of them checked or none. The same
answer is what it connects to: nobody resolves a second time, so there is nothing to rebind. The socket is
made by `Guard`, which is asked once more for each address just before the connect, for literal hosts too.
"""

import asyncio
import functools
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from curate.schema import Outcome
from pipelines.download.addresses import Gate
from pipelines.download.policy import FetchPolicy, Refused

DNS_SECONDS = 60  # how long an admitted answer is used again
IDLE_SECONDS = 2.0  # short: a list of URLs has many hosts, and each idle connection is a file descriptor

AddressInfo = tuple[Any, ...]  # as socket.getaddrinfo gives it: family, type, protocol, name, address


class Resolver(Protocol):
    """All addresses of a name, as text. Raises OSError."""

    async def __call__(self, host: str, port: int) -> list[str]: ...


class Connect(Protocol):
    """Makes the socket that is about to be connected to an address."""

    def __call__(self, info: AddressInfo) -> socket.socket: ...


class SystemResolver:
    """The operating system's resolver, in threads of its own.

    A lookup cannot be cancelled. In asyncio's few shared threads a handful of dead name servers would hold
    up every other host; here a dead one costs one thread until the system gives up.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="dns")

    async def __call__(self, host: str, port: int) -> list[str]:
        if host == "invalid" or host.endswith(".invalid"):  # RFC 6761: never asked for
            raise OSError("no such name")
        look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class CheckedResolver(AbstractResolver):
    def __init__(self, gate: Gate, resolver: Resolver) -> None:
        self._gate = gate
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        pinned = self._gate.resolved(host)
        if pinned:
            endpoints = [(pinned[0], pinned[1] or port)]
        else:
            endpoints = [(address, port) for address in await self._resolver(host, port)]
        if not endpoints:
            raise OSError("the name has no address")
        self._gate.admit(host, port, endpoints)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=to_port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address, to_port in endpoints
        ]

    async def close(self) -> None:
        pass


def plain_socket(info: AddressInfo) -> socket.socket:
    return socket.socket(info[0], info[1], info[2])


class Guard:
    """The last word before a connect. It never speaks unless a check before it was forgotten."""

    def __init__(self, gate: Gate, connect: Connect) -> None:
        self._gate = gate
        self._connect = connect

    def __call__(self, info: AddressInfo) -> socket.socket:
        address, port = info[4][0], info[4][1]
        if not self._gate.admitted(address, port):
            raise Refused(Outcome.PRIVATE_ADDRESS, "a connection to an address that was not checked")
        return self._connect(info)


def open_session(policy: FetchPolicy, gate: Gate, resolver: Resolver, connect: Connect) -> aiohttp.ClientSession:
    """A client that does nothing by itself: no redirects, cookies, proxies, decoding or time limits."""
    connector = aiohttp.TCPConnector(
        resolver=CheckedResolver(gate, resolver),
        socket_factory=Guard(gate, connect),
        ttl_dns_cache=DNS_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
        limit=0,  # the fetcher has its own, which count queueing apart from the deadline
        ssl=ssl.create_default_context(),
    )
    session = aiohttp.ClientSession(
        connector=connector,
        headers={
            "User-Agent": policy.user_agent,
            "Accept": "image/*,*/*;q=0.5",
            "Accept-Encoding": "identity",
        },
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )
    # aiohttp asks once more by itself when a connection breaks. How often a server is asked is the policy's
    # to say, and there is no public switch; a test counts the requests.
    session._retry_connection = False
    return session
