"""Fetches URLs that strangers wrote, within bounds of time, bytes and addresses, and of what their hosts bear.

    async with Fetcher(policy) as fetcher:
        await fetcher.fetch_each(urls, then)

Nothing the network does raises: each URL ends in one outcome. One attempt has one wall-clock deadline, from
DNS to the last byte, redirects included. Every redirect is checked like a first URL. Opt-out headers are read
before the body, on every answer along the way; robots.txt before the first URL of a host with many.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from curate.schema import OUTCOME_CLASS, OutcomeClass
from pipelines.download.addresses import Gate
from pipelines.download.answer import Fetched
from pipelines.download.attempts import Attempts, Trail
from pipelines.download.bodies import Room, Share
from pipelines.download.connections import Connect, Resolver, SystemResolver, open_session, plain_socket
from pipelines.download.exchange import Exchange, Wanted
from pipelines.download.hosts import HostKey, Hosts, Limits
from pipelines.download.lines import NotAsked
from pipelines.download.links import Clock, Link, LocalLink, MonotonicClock
from pipelines.download.pace import Pace
from pipelines.download.policy import FetchPolicy, Refused
from pipelines.download.robots import MAX_BYTES, Robots, Rules
from pipelines.download.turns import Turns
from pipelines.download.urls import Target, parse_url

FIRST_PAUSE = 0.5  # seconds; doubled at every further attempt
LOOKUPS = 64  # names at a time
WATCH = 0.1  # seconds between two looks at how late the event loop is
LEASE = 30.0  # seconds; see `hosts`

Then = Callable[[int, Fetched], Awaitable[None]]


@dataclass
class _Hand:
    """What a URL keeps until its result is taken."""

    share: Share
    slot: bool = False


def limits(policy: FetchPolicy) -> Limits:
    """For the `Hosts` of a cluster whose workers fetch by this policy.

    A worker starts nothing in the second half of its lease, and what it has started is done after `timeout`.
    """
    lease = max(LEASE, 2 * policy.timeout)
    return Limits(
        policy.per_host,
        policy.per_host_rate,
        policy.host_failures,
        max(policy.first_failures, policy.retries + 1),  # one URL alone has all its tries
        policy.max_retry_after,
        lease,
    )


class Fetcher:
    """Lives in one event loop, as an async context manager. Its limits hold for all its calls together."""

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        resolver: Resolver | None = None,  # the system's
        connect: Connect = plain_socket,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        link: Link | None = None,  # to the cluster's `Hosts`; of its own if there is none
        worker: str | None = None,  # its name there
    ) -> None:
        self._policy = policy
        self._own_resolver = SystemResolver(min(LOOKUPS, policy.concurrency)) if resolver is None else None
        self._resolver: Resolver = resolver or self._own_resolver  # type: ignore[assignment]
        self._connect = connect
        self._clock = clock or MonotonicClock()
        self._rng = rng or random.Random()
        self._gate = Gate(policy)
        self._room = Room(policy.body_bytes, policy.concurrency)
        self._pace = Pace(self._room.bodies)
        link = link or LocalLink(Hosts(limits(policy), self._clock.time))
        worker = worker or uuid.uuid4().hex
        self._turns = Turns(worker, link, limits(policy), self._pace, self._clock, policy.host_wait)
        self._robots = Robots(self._robots_txt, self._clock.time)
        self._picture = Wanted(policy.max_bytes)

    async def __aenter__(self) -> "Fetcher":
        self._session = open_session(self._policy, self._gate, self._resolver, self._connect)
        exchange = Exchange(self._policy, self._session)
        self._attempts = Attempts(self._policy, self._gate, exchange, self._turns, self._pace)
        self._turns.open()
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._watcher.cancel()
        await self._robots.close()
        await self._turns.close()
        await self._session.close()
        if self._own_resolver:
            self._own_resolver.close()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + WATCH
            await asyncio.sleep(WATCH)
            self._pace.lagged(loop.time() - due)

    # -- one URL ----------------------------------------------------------------------------------
    async def fetch(self, url: str) -> Fetched:
        """One URL, asked again while its outcome is transient and the policy allows."""
        (fetched,) = await self.fetch_all([url])
        return fetched

    async def ask_again(self, url: str) -> Fetched:
        """One URL, for who has a slot already, as `then` has: it takes no other one."""
        target = self._target(url)
        if isinstance(target, Fetched):
            return target
        hand = _Hand(Share(self._room))
        try:
            return await self._fetch(target, self._picture, hand, guest=True)
        finally:
            self._put_down(hand)

    async def _work(self, place: Target | Fetched, robots: bool, places: list[int], then: Then) -> None:
        """One URL from its turn to its result, which is given to each of its places in the list."""
        hand = _Hand(Share(self._room))
        try:
            fetched = place if isinstance(place, Fetched) else await self._judged(place, robots, hand)
            for at in places:
                await then(at, fetched)
        finally:
            self._put_down(hand)

    async def _judged(self, target: Target, robots: bool, hand: _Hand) -> Fetched:
        if not robots:
            return await self._fetch(target, self._picture, hand)
        rules = await self._robots.rules(target)
        if rules.unread:
            message = f"its robots.txt could not be read: {rules.unread.message}"
            return Fetched(rules.unread.outcome, message=message, attempts=0)
        if refused := self._attempts.disallowed(rules, target):
            return refused.but(attempts=0)
        fetched = await self._fetch(target, self._picture, hand, rules)
        return fetched if fetched.robots else fetched.but(robots=rules.verdict_if_allowed)

    async def _robots_txt(self, target: Target) -> Fetched:
        hand = _Hand(Share(self._room))
        try:
            return await self._fetch(target, Wanted(MAX_BYTES, beginning=True, obey=False), hand)
        finally:
            self._put_down(hand)

    async def _fetch(
        self, target: Target, wanted: Wanted, hand: _Hand, rules: Rules | None = None, guest: bool = False
    ) -> Fetched:
        """Attempts until one is good enough or there is no use in another. The hand keeps what the last one has."""
        if rules and rules.delay:
            self._turns.wants_delay((target.host, target.port), rules.delay)
        attempt = 0
        fetched: Fetched | None = None
        while True:
            try:
                await (self._turns.another if guest else self._turns.first)((target.host, target.port))
            except NotAsked as refused:
                return fetched or Fetched(refused.outcome, message=refused.message, attempts=0)
            hand.slot = not guest
            trail = Trail(target, wanted, hand.share, rules, again=attempt > 0)
            fetched = await self._attempts.run(trail)
            attempt += 1
            fetched = fetched.but(attempts=attempt)
            pause = None if trail.final else self._pause(fetched)
            if pause is None:
                return fetched
            self._put_down(hand)
            await self._clock.sleep(pause)

    def _put_down(self, hand: _Hand) -> None:
        hand.share.close()
        if hand.slot:
            hand.slot = False
            self._turns.free_slot()

    def _pause(self, fetched: Fetched) -> float | None:
        """Seconds until the next attempt, None for no further one: full jitter, or what the server asks."""
        if OUTCOME_CLASS[fetched.outcome] is not OutcomeClass.TRANSIENT or fetched.attempts > self._policy.retries:
            return None
        longest = self._policy.max_retry_after
        asked = fetched.retry_after or 0.0
        if asked > longest:
            return None
        return max(asked, self._rng.uniform(0, min(longest, FIRST_PAUSE * 2 ** (fetched.attempts - 1))))

    # -- many URLs --------------------------------------------------------------------------------
    async def fetch_each(self, urls: Sequence[str], then: Then, among: Sequence[str] | None = None) -> None:
        """`await then(place in the list, result)` for every URL, as they are done, several at a time.

        A URL keeps its slot and its bytes until `then` returns: results do not pile up before a slow reader.
        A URL that is in the list twice is fetched once. If `then` raises, the other URLs are given up.

        `among`: the whole list that these URLs are of, if they are a part of one. Whether robots.txt is asked
        for depends on how many URLs of a host it has, and must be the same when a part is tried again.
        """
        places: dict[str, list[int]] = {}
        for place, url in enumerate(urls):
            places.setdefault(url, []).append(place)
        targets = {url: self._target(url) for url in places}
        known = targets if among is None else {url: targets.get(url) or self._target(url) for url in among}
        count = Counter(_key(target) for target in known.values() if isinstance(target, Target))
        tasks = []
        for url, target in targets.items():
            robots = isinstance(target, Target) and self._asks_robots(count[_key(target)])
            tasks.append(asyncio.create_task(self._work(target, robots, places[url], then)))
        if not tasks:
            return
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _target(self, url: str) -> Target | Fetched:
        try:
            target = parse_url(url)
            self._gate.check(target)
        except Refused as refused:
            return Fetched(refused.outcome, message=refused.message, attempts=0)
        return target

    def _asks_robots(self, urls_of_host: int) -> bool:
        kind = self._policy.robots
        return kind == "all" or (kind == "bulk" and urls_of_host >= self._policy.bulk_host)

    async def fetch_all(self, urls: Sequence[str]) -> list[Fetched]:
        """Every URL's result, in the order of the list; all bodies are in memory at once."""
        results: dict[int, Fetched] = {}

        async def keep(place: int, fetched: Fetched) -> None:
            results[place] = fetched

        await self.fetch_each(urls, keep)
        return [results[place] for place in range(len(urls))]


def _key(target: Target) -> HostKey:
    return (target.host, target.port)


def fetch_all(urls: Sequence[str], policy: FetchPolicy, *, resolver: Resolver | None = None) -> list[Fetched]:
    """`Fetcher.fetch_all` for code that is not asynchronous."""

    async def run() -> list[Fetched]:
        async with Fetcher(policy, resolver=resolver) as fetcher:
            return await fetcher.fetch_all(urls)

    return asyncio.run(run())
