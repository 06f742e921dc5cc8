"""Fetches URLs that strangers wrote, within bounds of time, bytes and addresses.

    async with Fetcher(policy) as fetcher:
        async for place, fetched in fetcher.fetch_each(urls): ...

Nothing the network does raises: each URL ends in one outcome. One attempt has one wall-clock deadline, from
DNS to the last byte, redirects included. Every redirect is checked like a first URL. Opt-out headers are read
before the body, on every answer along the way.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Protocol

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from curate.schema import OUTCOME_CLASS, Outcome, OutcomeClass
from pipelines.download.addresses import Gate
from pipelines.download.answer import Fetched, broken, retry_after, status_outcome
from pipelines.download.connections import Connect, Resolver, SystemResolver, open_session, plain_socket
from pipelines.download.encoding import Body
from pipelines.download.opt_out import refusal
from pipelines.download.policy import NAME, FetchPolicy, Refused
from pipelines.download.urls import Target, follow, parse_url

REDIRECTS = (301, 302, 303, 307, 308)
FIRST_PAUSE = 0.5  # seconds; doubled at every further attempt
_UNREACHABLE = (Outcome.TIMEOUT, Outcome.DNS, Outcome.CONNECT, Outcome.TLS)


class Clock(Protocol):
    async def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class _Host:
    slots: asyncio.Semaphore
    failures: int = 0  # in a row without any answer
    outcome: Outcome = Outcome.CONNECT  # of the last of them


@dataclass
class _Trail:
    """Where an attempt has got to, for whoever has to say how it ended."""

    host: _Host
    target: Target
    hops: int = 0
    unanswered: bool = False  # the host is being asked now
    seen: set[str] = field(default_factory=set)


class Fetcher:
    """Lives in one event loop, as an async context manager."""

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        resolver: Resolver | None = None,  # the system's
        connect: Connect = plain_socket,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._policy = policy
        self._own_resolver = SystemResolver(policy.concurrency) if resolver is None else None
        self._resolver: Resolver = resolver or self._own_resolver  # type: ignore[assignment]
        self._connect = connect
        self._clock = clock or MonotonicClock()
        self._rng = rng or random.Random()
        self._gate = Gate(policy)
        self._hosts: dict[tuple[str, int], _Host] = {}

    async def __aenter__(self) -> "Fetcher":
        self._session = open_session(self._policy, self._gate, self._resolver, self._connect)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._session.close()
        if self._own_resolver:
            self._own_resolver.close()

    # -- one URL ----------------------------------------------------------------------------------
    async def fetch(self, url: str) -> Fetched:
        """One URL, asked again while its outcome is transient and the policy allows."""
        try:
            target = parse_url(url)
            self._gate.check(target)
        except Refused as refused:
            return Fetched(refused.outcome, message=refused.message, attempts=0)
        attempt = 0
        while True:
            fetched = await self._attempt(target)
            attempt += fetched.attempts
            pause = self._pause(fetched, attempt)
            if pause is None:
                return replace(fetched, attempts=attempt)
            await self._clock.sleep(pause)

    def _pause(self, fetched: Fetched, attempt: int) -> float | None:
        """Seconds until the next attempt, None for no further one: full jitter, or what the server asks."""
        if OUTCOME_CLASS[fetched.outcome] is not OutcomeClass.TRANSIENT:
            return None
        if attempt > self._policy.retries or not fetched.attempts:
            return None
        longest = self._policy.max_retry_after
        asked = fetched.retry_after or 0.0
        if asked > longest:
            return None
        return max(asked, self._rng.uniform(0, min(longest, FIRST_PAUSE * 2 ** (attempt - 1))))

    async def _attempt(self, target: Target) -> Fetched:
        trail = _Trail(self._host(target), target)
        try:
            async with asyncio.timeout(None) as deadline:
                fetched = await self._walk(trail, deadline)
        except TimeoutError:
            fetched = Fetched(Outcome.TIMEOUT, message=f"not done after {self._policy.timeout:g} s")
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            fetched = broken(error)
        if trail.hops and fetched.outcome is Outcome.BAD_URL:
            fetched = replace(fetched, outcome=Outcome.BAD_REDIRECT)
        if trail.unanswered and fetched.outcome in _UNREACHABLE:
            trail.host.failures += 1
            trail.host.outcome = fetched.outcome
        return fetched

    async def _walk(self, trail: _Trail, deadline: asyncio.Timeout) -> Fetched:
        """Ask, and follow redirects. A host's slot is held while it is asked, and never two at a time."""
        while trail.hops <= self._policy.max_redirects:
            target = trail.target
            if target.url in trail.seen:
                return Fetched(Outcome.BAD_REDIRECT, message="the redirects go round in a circle")
            trail.seen.add(target.url)
            trail.host = self._host(target)
            async with trail.host.slots:
                if trail.host.failures >= self._policy.host_failures:
                    return self._not_asked(trail)
                if not trail.hops:  # the queue for the first host is not the URL's own time
                    deadline.reschedule(asyncio.get_running_loop().time() + self._policy.timeout)
                answer = await self._ask(trail)
            if isinstance(answer, Fetched):
                return answer
            trail.hops += 1
            trail.target = follow(target, answer)
            self._gate.check(trail.target)
        return Fetched(Outcome.BAD_REDIRECT, message=f"more than {self._policy.max_redirects} redirects")

    def _not_asked(self, trail: _Trail) -> Fetched:
        message = f"not asked: the host gave no answer {trail.host.failures} times in a row"
        return Fetched(trail.host.outcome, message=message, attempts=min(trail.hops, 1))

    def _host(self, target: Target) -> _Host:
        key = (target.host, target.port)
        if key not in self._hosts:
            self._hosts[key] = _Host(asyncio.Semaphore(self._policy.per_host))
        return self._hosts[key]

    # -- one answer -------------------------------------------------------------------------------
    async def _ask(self, trail: _Trail) -> Fetched | str:
        """The end of an attempt, or where it is redirected to."""
        url = URL(trail.target.url, encoded=True)
        trail.unanswered = True
        async with self._session.get(url, allow_redirects=False) as response:
            trail.unanswered = False
            trail.host.failures = 0
            try:
                answer = await self._read(response)
            except (aiohttp.ClientError, HttpProcessingError, Refused, ConnectionError) as error:
                answer = broken(error)
            finally:
                if not response.content.at_eof():
                    response.close()  # an unread rest is not worth a connection
            if isinstance(answer, str):
                return answer
            return replace(answer, http_status=response.status, final_url=trail.target.url)

    async def _read(self, response: aiohttp.ClientResponse) -> Fetched | str:
        headers = response.headers
        location = headers.get("Location")
        if location is not None and response.status in REDIRECTS:
            return self._refusal(response) or location
        outcome = status_outcome(response.status)
        if outcome is not Outcome.OK:
            return Fetched(outcome, message=f"HTTP {response.status}", retry_after=retry_after(headers))
        return self._refusal(response) or await self._body(response)

    def _refusal(self, response: aiohttp.ClientResponse) -> Fetched | None:
        if not self._policy.respect_opt_out:
            return None
        consent = refusal(response.headers.items(), (NAME,))
        return Fetched(Outcome.OPTED_OUT, message=consent, consent=consent) if consent else None

    async def _body(self, response: aiohttp.ClientResponse) -> Fetched:
        most = self._policy.max_bytes
        declared = response.content_length
        if declared is not None and declared > most:
            return Fetched(Outcome.TOO_LARGE, message=f"{declared:,} bytes announced, {most:,} allowed")
        body = Body(",".join(response.headers.getall("Content-Encoding", [])), most)
        async for chunk in response.content.iter_any():
            body.feed(chunk)
        data = body.finish()
        if not data:
            return Fetched(Outcome.EMPTY_BODY, message="the body is empty")
        return Fetched(Outcome.OK, data)

    # -- many URLs --------------------------------------------------------------------------------
    async def fetch_each(self, urls: Sequence[str]) -> AsyncGenerator[tuple[int, Fetched], None]:
        """(place in the list, result) of every URL, in the order in which they are done.

        At most `concurrency` URLs are in hand, results that nobody took yet among them, so that bodies do
        not pile up before a slow reader. A URL that is in the list twice is fetched once.
        """
        places: dict[str, list[int]] = {}
        for place, url in enumerate(urls):
            places.setdefault(url, []).append(place)
        waiting = list(reversed(places))
        running: dict[asyncio.Task[Fetched], str] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._policy.concurrency:
                    url = waiting.pop()
                    running[asyncio.create_task(self.fetch(url))] = url
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                task = done.pop()  # one at a time: the rest stays in hand
                for place in places[running.pop(task)]:
                    yield place, task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def fetch_all(self, urls: Sequence[str]) -> list[Fetched]:
        """Every URL's result, in the order of the list; all bodies are in memory at once."""
        results: dict[int, Fetched] = {}
        async with aclosing(self.fetch_each(urls)) as pairs:
            async for place, fetched in pairs:
                results[place] = fetched
        return [results[place] for place in range(len(urls))]


def fetch_all(urls: Sequence[str], policy: FetchPolicy, *, resolver: Resolver | None = None) -> list[Fetched]:
    """`Fetcher.fetch_all` for code that is not asynchronous."""

    async def run() -> list[Fetched]:
        async with Fetcher(policy, resolver=resolver) as fetcher:
            return await fetcher.fetch_all(urls)

    return asyncio.run(run())
