"""The line of URLs that wait for one host, and what the cluster has granted to it."""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

from curate.schema import Outcome
from pipelines.download.hosts import Closed, Grant, HostKey, HostReport

Waiter = asyncio.Future[Closed | None]


class NotAsked(Exception):
    """The host is closed, or gives no turn."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message


@dataclass
class News:
    """What a host did since the last message."""

    answers: int = 0
    failures: int = 0  # in a row
    outcome: Outcome = Outcome.CONNECT
    retry_until: float = 0.0
    retry_outcome: Outcome = Outcome.TOO_MANY_REQUESTS

    def __bool__(self) -> bool:
        return bool(self.answers or self.failures or self.retry_until)


@dataclass
class Line:
    key: HostKey
    guests: deque[Waiter] = field(default_factory=deque)  # on the way of a redirect: they have their slot
    queue: deque[tuple[Waiter, float]] = field(default_factory=deque)  # with the time of their coming
    running: int = 0
    granted: int = 0
    short: bool = False  # less was granted than wanted
    good_until: float = 0.0  # what was granted
    moments: deque[float] | None = None  # of starts; None for any
    every: float = 0.0
    next_start: float = 0.0
    delay: float = 0.0  # robots.txt's
    failures: int = 0  # in a row, in the whole cluster as far as is known
    answered: bool = False  # ever, here
    closed: Closed | None = None
    closed_until: float = 0.0
    last_turn: float = 0.0
    alarm: bool = False  # somebody comes back at `next_start`
    news: News = field(default_factory=News)

    @property
    def waiting(self) -> int:
        return len(self.guests) + len(self.queue)

    @property
    def active(self) -> bool:
        return bool(self.running or self.granted or self.guests or self.queue or self.news)

    def has_to_speak(self, now: float, margin: float) -> bool:
        """There is something to tell or to ask for, or what was granted ends within `margin` seconds."""
        wanted = self.running + self.waiting
        changed = self.news or self.short or self.moments is not None or self.granted != wanted
        return bool(changed or (wanted and now > self.good_until - margin))

    def start_at(self) -> float:
        """The earliest moment for the next start; infinite when there is none yet."""
        if self.moments is None:
            return self.next_start
        return max(self.next_start, self.moments[0]) if self.moments else float("inf")

    def started(self, now: float) -> None:
        self.running += 1
        self.last_turn = now
        if self.moments is not None:
            self.moments.popleft()
        if self.every:
            self.next_start = now + self.every

    def send_home(self) -> list[Waiter]:
        """Everybody in the line, which is empty now."""
        everybody = [*self.guests, *(waiter for waiter, _ in self.queue)]
        self.guests.clear()
        self.queue.clear()
        return [waiter for waiter in everybody if not waiter.done()]

    def refuse(self, closed: Closed) -> None:
        for waiter in self.send_home():
            waiter.set_result(closed)

    def drop(self, waiter: Waiter) -> None:
        with contextlib.suppress(ValueError):
            self.guests.remove(waiter)
        for entry in self.queue:
            if entry[0] is waiter:
                self.queue.remove(entry)
                return

    # -- messages -----------------------------------------------------------------------------------
    def report(self, now: float) -> tuple[HostReport, News]:
        """The next message. From now until its answer no more connections are used than it says."""
        news, self.news = self.news, News()
        self.granted = max(self.running, min(self.granted, self.running + self.waiting))
        report = HostReport(
            running=self.running,
            waiting=self.waiting,
            holding=self.granted,
            planned=len(self.moments or ()),
            answers=news.answers,
            failures=news.failures,
            outcome=news.outcome,
            retry_after=max(0.0, news.retry_until - now),
            retry_outcome=news.retry_outcome,
            delay=self.delay,
        )
        return report, news

    def lost(self, news: News) -> None:
        """The message did not arrive: its news are part of the next one."""
        if not self.news.answers:
            self.news.failures += news.failures
        self.news.answers += news.answers
        self.news.retry_until = max(self.news.retry_until, news.retry_until)

    def take(self, grant: Grant, wanted: int, now: float, good_until: float) -> None:
        self.granted = grant.connections
        self.short = grant.connections < wanted
        self.good_until = good_until
        self.every = grant.every
        if grant.starts is None:
            self.moments = None
        else:
            self.moments = self.moments or deque()
            self.moments.extend(now + seconds for seconds in grant.starts)
        if grant.wait:
            self.next_start = max(self.next_start, now + grant.wait)
        self.failures = self.news.failures + (0 if self.news.answers else grant.failures)
