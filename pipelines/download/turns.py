"""A worker's side of `hosts`: which of its URLs may be asked now.

A URL needs two things: a slot of this worker (`pace`), which it keeps until its result is taken, and a
connection of its host, which it keeps while it is asked. Both are given together, so that URLs that wait for
their host take no slots from those that need not. Hosts are served in turn. On the way of a redirect a URL
has its slot and needs only a connection of the other host; it never holds two.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from curate.schema import Outcome
from pipelines.download.hosts import Closed, HostKey, HostReport, Limits, closed_by_failures
from pipelines.download.lines import Line, NotAsked, Waiter
from pipelines.download.links import Clock, Link
from pipelines.download.pace import Pace

PERIOD = 0.5  # seconds between two messages about all hosts while there is work
PART = 4  # after a message there is none for at least so many times its own duration


class Turns:
    def __init__(self, worker: str, link: Link, limits: Limits, pace: Pace, clock: Clock, host_wait: float) -> None:
        self._worker = worker
        self._link = link
        self._limits = limits
        self._pace = pace
        self._clock = clock
        self._host_wait = host_wait
        self._lines: dict[HostKey, Line] = {}
        self._hungry: dict[HostKey, Line] = {}  # their host is ready, but there was no slot
        self._in_hand = 0
        self._due: dict[HostKey, Line] = {}  # cannot wait for the next message about all
        self._urgent = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._broken: BaseException | None = None
        self._heard = clock.time()  # of the cluster

    def open(self) -> None:
        self._spawn(self._talk()).add_done_callback(self._ended)

    async def close(self) -> None:
        """Everything that was granted is given back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        last = {key: HostReport() for key, line in self._lines.items() if line.granted}
        with contextlib.suppress(OSError):
            await self._link.sync(self._worker, last)

    @property
    def busy(self) -> bool:
        """The slots are in use, more or less."""
        return self._in_hand * 4 >= self._pace.limit * 3

    # -- for one URL ------------------------------------------------------------------------------
    async def first(self, key: HostKey) -> None:
        """A slot and a connection. Raises NotAsked."""
        line, waiter = self._line(key), self._waiter()
        line.queue.append((waiter, self._clock.time()))
        self._serve(line)
        try:
            closed = await waiter
        except asyncio.CancelledError:
            line.drop(waiter)
            if _given(waiter):
                self.leave(key)
                self.free_slot()
            raise
        if closed:
            raise NotAsked(closed.outcome, closed.message)

    async def another(self, key: HostKey) -> None:
        """A connection for a URL that has its slot. Raises NotAsked."""
        line, waiter = self._line(key), self._waiter()
        line.guests.append(waiter)
        self._serve(line)
        try:
            closed = await waiter
        except asyncio.CancelledError:
            line.drop(waiter)
            if _given(waiter):
                self.leave(key)
            raise
        if closed:
            raise NotAsked(closed.outcome, closed.message)

    def leave(self, key: HostKey) -> None:
        """The connection is free."""
        line = self._lines[key]
        line.running -= 1
        self._serve(line)

    def free_slot(self) -> None:
        self._in_hand -= 1
        self._serve_hungry()

    def too_many(self, key: HostKey) -> bool:
        """By now fewer connections are granted than are open: one that is done is better closed."""
        line = self._lines[key]
        return line.running > line.granted

    # -- what a host did --------------------------------------------------------------------------
    def answered(self, key: HostKey) -> None:
        line = self._lines[key]
        probed = line.failures >= self._limits.first_failures
        if probed or (line.short and not line.answered):  # more may be had from now on
            self._ask_soon(line)
        line.answered = True
        line.failures = line.news.failures = 0
        line.news.answers += 1

    def unanswered(self, key: HostKey, outcome: Outcome) -> None:
        line = self._lines[key]
        line.failures += 1
        line.news.failures += 1
        line.news.outcome = outcome
        if line.failures >= self._limits.first_failures:
            self._ask_soon(line)  # whether it ever answered to anybody
        if line.failures >= self._limits.host_failures:
            self._shut(line, closed_by_failures(outcome, line.failures))

    def wants_rest(self, key: HostKey, seconds: float, outcome: Outcome) -> None:
        """Retry-After of 429 or 503."""
        line = self._lines[key]
        until = self._clock.time() + seconds
        line.news.retry_until = max(line.news.retry_until, until)
        line.news.retry_outcome = outcome
        line.next_start = max(line.next_start, until)
        self._ask_soon(line)  # the answer may close the host

    def wants_delay(self, key: HostKey, seconds: float) -> None:
        """Crawl-delay. Nothing more starts until the cluster has said when."""
        line = self._line(key)
        if seconds > line.delay:
            line.delay = seconds
            line.good_until = 0.0
            self._ask_soon(line)

    # -- giving turns -----------------------------------------------------------------------------
    def _line(self, key: HostKey) -> Line:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(key)
        return line

    def _waiter(self) -> Waiter:
        if self._broken:
            raise self._broken
        return asyncio.get_running_loop().create_future()

    def _serve(self, line: Line) -> None:
        """Give what the URLs of this host can have now."""
        while line.guests or line.queue:
            now = self._clock.time()
            if not self._ready(line, now):
                return
            if not line.guests and self._in_hand >= self._pace.limit:
                self._hungry[line.key] = line
                return
            self._give(line, now)

    def _ready(self, line: Line, now: float) -> bool:
        """The host may be asked. If not, somebody will come back to the line."""
        if line.closed:
            if now < line.closed_until:
                line.refuse(line.closed)
                return False
            line.closed = None
            line.good_until = 0.0
        if now >= line.good_until:
            self._ask_soon(line)
            return False
        if not line.answered and line.moments is None and line.failures + line.running >= self._limits.first_failures:
            if not line.running:
                self._ask_soon(line)
            return False  # those that are under way will tell
        if line.running >= line.granted:
            if not line.short:  # it got all it wanted, and wants more now
                self._ask_soon(line)
            return False
        start_at = line.start_at()
        if now < start_at:
            if start_at < float("inf"):
                self._come_back(line, start_at - now)
            return False
        return True

    def _give(self, line: Line, now: float) -> None:
        guest = bool(line.guests)
        waiter = line.guests.popleft() if guest else line.queue.popleft()[0]
        if waiter.done():  # cancelled, though it could not leave the line yet
            return
        self._in_hand += not guest
        line.started(now)
        waiter.set_result(None)

    def _serve_hungry(self) -> None:
        """One URL of each host in turn, while there are slots."""
        while self._hungry and self._in_hand < self._pace.limit:
            line = self._hungry.pop(next(iter(self._hungry)))
            now = self._clock.time()
            if (line.guests or line.queue) and self._ready(line, now):
                self._give(line, now)
                if line.queue:
                    self._hungry[line.key] = line

    def _come_back(self, line: Line, seconds: float) -> None:
        async def later() -> None:
            await self._clock.sleep(seconds)
            line.alarm = False
            self._serve(line)

        if not line.alarm:
            line.alarm = True
            self._spawn(later())

    def _shut(self, line: Line, closed: Closed) -> None:
        line.closed = closed
        line.closed_until = self._clock.time() + closed.seconds
        self._ask_soon(line)
        self._serve(line)

    def _give_up(self, now: float) -> None:
        """A turn may come late, but not never."""
        for line in self._lines.values():
            if not line.queue:
                continue
            if line.key in self._hungry:
                line.last_turn = now  # it is not the host that keeps them waiting
            since = line.queue[0][1]
            if not line.every:  # where others get their turn it is only a long queue
                since = max(since, line.last_turn)
            if now - since > self._host_wait:
                line.refuse(Closed(Outcome.TIMEOUT, f"not asked: the host gave no turn for {self._host_wait:g} s", 0.0))

    # -- talking to the cluster -------------------------------------------------------------------
    def _ask_soon(self, line: Line) -> None:
        self._due[line.key] = line
        self._urgent.set()

    async def _talk(self) -> None:
        """About all hosts now and then, and at once about those that cannot wait, but never one by one."""
        loop = asyncio.get_running_loop()
        about_all = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(about_all + PERIOD if self._lines else None):
                    await self._urgent.wait()
            self._urgent.clear()
            begun = loop.time()
            if begun >= about_all + PERIOD:
                about_all = begun
                await self._sync(self._all(self._clock.time()))
            else:
                await self._sync([line for line in self._due.values() if self._lines.get(line.key) is line])
            await asyncio.sleep(PART * (loop.time() - begun))

    def _all(self, now: float) -> list[Line]:
        """The hosts that there is something to say about; those of no more interest are forgotten."""
        self._give_up(now)
        margin = self._limits.lease / 4
        speak = [k for k, line in self._lines.items() if k in self._due or line.has_to_speak(now, margin)]
        keep = {*speak, *(k for k, line in self._lines.items() if line.active or now < line.closed_until)}
        self._lines = {key: line for key, line in self._lines.items() if key in keep}
        return [self._lines[key] for key in speak]

    async def _sync(self, lines: list[Line]) -> None:
        self._due.clear()
        asked_at = self._clock.time()
        sent = {line.key: (line, *line.report(asked_at)) for line in lines}
        try:
            grants = await self._link.sync(self._worker, {key: report for key, (_, report, _) in sent.items()})
        except OSError:
            for line, _, news in sent.values():
                line.lost(news)
            if self._clock.time() - self._heard > self._limits.lease:
                raise  # a unit that fails is tried again; URLs that nobody asks for would be called timeouts
            return
        now = self._heard = self._clock.time()
        for key, grant in grants.items():
            line, report, _ = sent[key]
            line.take(grant, report.running + report.waiting, now, asked_at + self._limits.lease / 2)
            if grant.connections and grant.starts is None and grant.failures >= self._limits.first_failures:
                line.answered = True  # another worker: to a host that never answered nobody would get so many
            if grant.closed and not line.news.answers:
                line.closed, line.closed_until = grant.closed, now + grant.closed.seconds
            self._serve(line)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Without messages nobody would ever get a turn: whatever ended them is told to everybody who waits."""
        if not task.cancelled() and (error := task.exception()):
            self._broken = error
            for line in self._lines.values():
                for waiter in line.send_home():
                    waiter.set_exception(error)


def _given(waiter: Waiter) -> bool:
    return waiter.done() and not waiter.cancelled() and not waiter.exception() and waiter.result() is None
