"""One attempt at a URL: its redirects, under one wall-clock deadline, and what its hosts are said to have done."""

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from curate.schema import Outcome
from pipelines.download.addresses import Gate
from pipelines.download.answer import Fetched, broken
from pipelines.download.bodies import Share
from pipelines.download.exchange import Exchange, Wanted
from pipelines.download.hosts import HostKey
from pipelines.download.lines import NotAsked
from pipelines.download.pace import Pace
from pipelines.download.policy import FetchPolicy
from pipelines.download.robots import Rules, site
from pipelines.download.turns import Turns
from pipelines.download.urls import Target, follow

_UNREACHABLE = (Outcome.TIMEOUT, Outcome.DNS, Outcome.CONNECT, Outcome.TLS)
_NETWORK = (Outcome.TIMEOUT, Outcome.DNS, Outcome.CONNECT)
_LONGEST = 500  # characters of notices


@dataclass
class Trail:
    """Where an attempt has got to, for whoever has to say how it ended."""

    target: Target
    wanted: Wanted
    share: Share
    rules: Rules | None = None  # of the first target's site
    again: bool = False  # it was tried before
    hops: int = 0
    connected: bool = False  # a connection of the target's host is ours
    unanswered: bool = False  # the host is being asked now
    final: bool = False  # another attempt would get no further
    seen: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    @property
    def key(self) -> HostKey:
        return (self.target.host, self.target.port)


class Attempts:
    def __init__(self, policy: FetchPolicy, gate: Gate, exchange: Exchange, turns: Turns, pace: Pace) -> None:
        self._policy = policy
        self._gate = gate
        self._exchange = exchange
        self._turns = turns
        self._pace = pace

    async def run(self, trail: Trail) -> Fetched:
        """The caller has got a turn for the target; the connection is given back here, the slot is not."""
        trail.connected = True
        group = None if trail.again else self._pace.begin()
        asked_at = time.time()
        try:
            fetched = await self._bounded(trail)
            if trail.unanswered and fetched.outcome in _UNREACHABLE:
                self._turns.unanswered(trail.key, fetched.outcome)
            reached = fetched.outcome not in _NETWORK or trail.final
            self._pace.end(group, trail.key, reached, self._turns.busy)
        finally:
            if trail.connected:
                self._turns.leave(trail.key)
        said = "\n".join(trail.said)[:_LONGEST] or None
        return fetched.but(asked_at=asked_at, notices=said)

    async def _bounded(self, trail: Trail) -> Fetched:
        try:
            async with asyncio.timeout(self._policy.timeout) as deadline:
                fetched = await self._walk(trail, deadline)
        except TimeoutError:
            fetched = Fetched(Outcome.TIMEOUT, message=f"not done after {self._policy.timeout:g} s")
        except NotAsked as refused:
            trail.final = True
            fetched = Fetched(refused.outcome, message=refused.message)
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            fetched = broken(error)
        if trail.hops and fetched.outcome is Outcome.BAD_URL:
            fetched = fetched.but(outcome=Outcome.BAD_REDIRECT)
        return fetched

    async def _walk(self, trail: Trail, deadline: asyncio.Timeout) -> Fetched:
        """Ask, and follow redirects. A host's connection is held while it is asked, and never two at a time."""
        first = site(trail.target)
        while trail.hops <= self._policy.max_redirects:
            target = trail.target
            if target.url in trail.seen:
                return Fetched(Outcome.BAD_REDIRECT, message="the redirects go round in a circle")
            trail.seen.add(target.url)
            if trail.hops:
                if trail.rules and site(target) == first and (refused := self.disallowed(trail.rules, target)):
                    return refused
                await self._turn(trail, deadline)
            answer = await self._ask(trail)
            self._turns.leave(trail.key)
            trail.connected = False
            if isinstance(answer, Fetched):
                return answer
            trail.hops += 1
            trail.target = follow(target, answer)
            self._gate.check(trail.target)
        return Fetched(Outcome.BAD_REDIRECT, message=f"more than {self._policy.max_redirects} redirects")

    async def _turn(self, trail: Trail, deadline: asyncio.Timeout) -> None:
        """A connection of the host that a redirect leads to.

        Waiting for our own politeness is no time of the URL's, as it is none before its first host; but no longer
        than a URL may take.
        """
        now, ends = asyncio.get_running_loop().time, deadline.when()
        assert ends is not None
        left = ends - now()
        deadline.reschedule(now() + self._policy.timeout)
        await self._turns.another(trail.key)
        trail.connected = True
        deadline.reschedule(now() + left)

    async def _ask(self, trail: Trail) -> Fetched | str:
        def answered() -> bool:
            trail.unanswered = False
            self._turns.answered(trail.key)
            return not self._turns.too_many(trail.key)

        trail.unanswered = True
        answer = await self._exchange.ask(trail.target.url, trail.wanted, trail.share, trail.said, answered)
        if not isinstance(answer, Fetched):
            return answer.location
        if answer.retry_after and answer.http_status in (429, 503):
            self._turns.wants_rest(trail.key, answer.retry_after, answer.outcome)
        return answer

    def disallowed(self, rules: Rules, target: Target) -> Fetched | None:
        consent = rules.refusal(target, self._policy.respect_opt_out)
        if consent is None:
            return None
        return Fetched(Outcome.OPTED_OUT, message=consent, consent=consent, robots="disallowed")
