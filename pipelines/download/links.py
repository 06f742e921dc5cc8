"""The way from a worker to the `Hosts` of its cluster, and the clock by which it waits."""

import asyncio
import time
from typing import Protocol

from pipelines.download.hosts import Grants, Hosts, Report
from pipelines.engine.unit import Shared


class Clock(Protocol):
    def time(self) -> float:
        """Seconds from anywhere, never backwards."""

    async def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    def time(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Link(Protocol):
    """Raises OSError while there is no connection; for a while, what was granted before holds on."""

    async def sync(self, worker: str, report: Report) -> Grants: ...


class LocalLink:
    """`Hosts` in this process."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    async def sync(self, worker: str, report: Report) -> Grants:
        return self._hosts.sync(worker, report)


class SharedLink:
    """`Hosts` that all workers of an engine share."""

    def __init__(self, hosts: Shared) -> None:
        self._hosts = hosts

    async def sync(self, worker: str, report: Report) -> Grants:
        grants: Grants = await self._hosts.ask("sync", worker, report)
        return grants
