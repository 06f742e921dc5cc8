"""Fetch URLs that strangers wrote, within bounds of time, bytes and addresses. Never raises for what a network does.

One deadline covers a try from DNS to the last byte, redirects included. Names are resolved once per try, every
answer is checked, and the connection goes to a checked address with the Host and SNI of the URL. Redirects are
followed here, hop by hop, each under the same checks. Opt-out headers are read before the body.
"""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from curate.schema import OUTCOME_CLASS, Outcome, OutcomeClass
from pipelines.download.addresses import BadUrl, Target, allowed, is_public, literal_address, mapped, parse
from pipelines.download.answer import Fetched, decoded, failed, parse_relative, retry_after, status_outcome
from pipelines.download.opt_out import refusal
from pipelines.download.policy import FetchPolicy

CHUNK = 65_536
REDIRECTS = (301, 302, 303, 307, 308)


class Clock(Protocol):
    async def sleep(self, seconds: float) -> None: ...


class RealClock:
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


Resolver = Callable[[str, int], Awaitable[list[str]]]  # host, port -> addresses


async def system_resolver(host: str, port: int) -> list[str]:
    """All addresses of a name, as the operating system gives them. Raises OSError."""
    if host == "invalid" or host.endswith(".invalid"):  # RFC 6761: never looked up
        raise OSError("no such name")
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Refused(Exception):
    """An answer of ours, on its way out of the depths."""

    def __init__(self, fetched: Fetched) -> None:
        super().__init__(fetched.message)
        self.fetched = fetched


class _Pinned(AbstractResolver):
    """What aiohttp asks for the addresses of a host: only those that were checked."""

    def __init__(self) -> None:
        self.checked: dict[tuple[str, int], list[tuple[str, int]]] = {}

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        found = self.checked.get((host.rstrip(".").lower(), port))
        if not found:
            raise OSError(f"{host}: no checked address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=to,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address, to in found
        ]

    async def close(self) -> None: ...


class Fetcher:
    """Lives in one event loop: `async with Fetcher(policy) as fetcher: await fetcher.fetch(url)`.

    `resolver`, `clock` and `rng` can be given by tests; `on_connect` hears of every address before it is used.
    """

    def __init__(
        self,
        policy: FetchPolicy,
        *,
        resolver: Resolver = system_resolver,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        on_connect: Callable[[str, int], None] = lambda address, port: None,
    ) -> None:
        self.policy = policy
        self._resolver, self._clock = resolver, clock or RealClock()
        self._rng, self._on_connect = rng or random.Random(), on_connect
        self._pinned = _Pinned()
        self._hosts: dict[str, asyncio.Semaphore] = {}
        self._names: dict[str, asyncio.Future[list[str]]] = {}

    async def __aenter__(self) -> "Fetcher":
        connector = aiohttp.TCPConnector(
            resolver=self._pinned,
            use_dns_cache=False,
            limit=self.policy.concurrency,
            limit_per_host=self.policy.per_host,
            ttl_dns_cache=None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "User-Agent": self.policy.user_agent,
                "Accept": "image/*,*/*;q=0.5",
                "Accept-Encoding": "identity",
            },
            timeout=aiohttp.ClientTimeout(total=None),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._session.close()

    async def fetch(self, url: str) -> Fetched:
        """One URL, with the retries that the policy grants to transient outcomes."""
        try:
            target = parse(url)
        except BadUrl as error:
            return Fetched(Outcome.BAD_URL, message=str(error))
        gate = self._hosts.setdefault(target.host, asyncio.Semaphore(self.policy.per_host))
        fetched = Fetched(Outcome.TIMEOUT)
        for attempt in range(1, self.policy.retries + 2):
            async with gate:
                fetched = replace(await self._try(target), attempts=attempt)
            pause = self._pause(fetched, attempt)
            if pause is None:
                break
            await self._clock.sleep(pause)
        return fetched

    def _pause(self, fetched: Fetched, attempt: int) -> float | None:
        """Seconds until the next try, None for no further one: exponential with full jitter, or what was asked."""
        if attempt > self.policy.retries or OUTCOME_CLASS[fetched.outcome] is not OutcomeClass.TRANSIENT:
            return None
        if fetched.wait is not None:
            return fetched.wait if fetched.wait <= self.policy.max_wait else None
        return self._rng.uniform(0, min(self.policy.max_wait, 0.5 * 2 ** (attempt - 1)))

    async def _try(self, target: Target) -> Fetched:
        try:
            async with asyncio.timeout(self.policy.timeout):
                return await self._follow(target)
        except TimeoutError:
            return Fetched(Outcome.TIMEOUT, message=f"not done after {self.policy.timeout:g} s")
        except _Refused as refused:
            return refused.fetched
        except (aiohttp.ClientError, OSError, ssl.SSLError, ValueError, AssertionError) as error:
            return failed(error)

    async def _follow(self, target: Target) -> Fetched:
        seen = {str(target.url)}
        for _ in range(self.policy.max_redirects + 1):
            await self._check(target)
            async with self._session.get(target.url, allow_redirects=False) as answer:
                if answer.status not in REDIRECTS or "Location" not in answer.headers:
                    return await self._read(answer, target)
                target = self._hop(target, answer)
            if str(target.url) in seen:
                return Fetched(Outcome.BAD_REDIRECT, message="a redirect loop")
            seen.add(str(target.url))
        return Fetched(Outcome.BAD_REDIRECT, message=f"more than {self.policy.max_redirects} redirects")

    def _hop(self, target: Target, answer: aiohttp.ClientResponse) -> Target:
        try:
            return parse(str(target.url.join(parse_relative(answer.headers["Location"]))))
        except (BadUrl, ValueError) as error:
            raise _Refused(
                Fetched(Outcome.BAD_REDIRECT, http_status=answer.status, message=f"redirect to: {error}")
            ) from error

    # -- whom we connect to --------------------------------------------------------------------------
    async def _check(self, target: Target) -> None:
        """Pin the checked addresses of a host, or refuse it."""
        policy, host, port = self.policy, target.host, target.port
        given = mapped(host, dict(policy.resolve))
        if given is not None:
            where, _, to = given.rpartition(":")
            self._pin(host, port, [(where.strip("[]"), int(to))])
            return
        if port not in (80, 443) and not allowed(host, port, policy.allow_private_hosts):
            raise _Refused(Fetched(Outcome.PRIVATE_ADDRESS, message=f"port {port}, not 80 or 443"))
        literal = target.literal
        if literal is not None:
            addresses = [str(literal)]
        else:
            try:
                addresses = await self._lookup(host, port)
            except (OSError, UnicodeError) as error:
                raise _Refused(Fetched(Outcome.DNS, message=f"{host}: {error}"[:200])) from error
            if not addresses:
                raise _Refused(Fetched(Outcome.DNS, message=f"{host}: no address"))
        self._pin(host, port, [(address, port) for address in addresses])
        if literal is not None and target.host.strip("[]") != str(literal):
            # aiohttp hands odd spellings to the operating system; only the plain one is pinned for sure.
            raise _Refused(Fetched(Outcome.PRIVATE_ADDRESS, message="an address in an odd spelling"))

    async def _lookup(self, host: str, port: int) -> list[str]:
        """A name is looked up once per fetcher; a failure is forgotten, so that a retry looks again."""
        known = self._names.get(host)
        if known is None:
            known = asyncio.ensure_future(self._resolver(host, port))
            self._names[host] = known
        try:
            return await asyncio.shield(known)
        except (OSError, UnicodeError):
            self._names.pop(host, None)
            raise

    def _pin(self, host: str, port: int, addresses: list[tuple[str, int]]) -> None:
        for address, to in addresses:
            parsed = literal_address(address)
            private = parsed is None or not is_public(parsed)
            allow = self.policy.allow_private_hosts
            if private and not allowed(host, port, allow) and not allowed(address, to, allow):
                raise _Refused(Fetched(Outcome.PRIVATE_ADDRESS, message=f"{host} is at a private address"))
            self._on_connect(address, to)
        self._pinned.checked[(host, port)] = addresses

    # -- what comes back ------------------------------------------------------------------------------
    async def _read(self, answer: aiohttp.ClientResponse, target: Target) -> Fetched:
        status = answer.status
        wrong = status_outcome(status)
        found = Fetched(Outcome.OK, http_status=status, final_url=str(target.url))
        if wrong is not None:
            wait = retry_after(answer.headers.get("Retry-After"))
            return replace(found, outcome=wrong, message=f"HTTP {status}", wait=wait)
        if self.policy.respect_opt_out:
            refused = refusal(answer.headers.items())
            if refused:
                return replace(found, outcome=Outcome.OPTED_OUT, message=refused, consent=refused)
        limit, declared = self.policy.max_bytes, answer.content_length
        if declared is not None and declared > limit:
            answer.close()
            return replace(found, outcome=Outcome.TOO_LARGE, message=f"{declared:,} bytes, {limit:,} are allowed")
        body = bytearray()
        async for chunk in answer.content.iter_chunked(CHUNK):
            body += chunk
            if len(body) > limit:
                answer.close()
                return replace(found, outcome=Outcome.TOO_LARGE, message=f"more than {limit:,} bytes")
        if not body:
            return replace(found, outcome=Outcome.EMPTY_BODY, message="an empty body")
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", ""):
            return decoded(found, bytes(body), encoding, limit)
        return replace(found, body=bytes(body))

    async def fetch_each(self, urls: Sequence[str]) -> AsyncIterator[tuple[int, Fetched]]:
        """(index, result) of each URL as it comes, so that a body can be used and dropped.

        At most `concurrency` URLs are in hand. A URL that stands in the list twice is fetched once; its later
        places get the same result.
        """
        places: dict[str, list[int]] = {}
        for i, url in enumerate(urls):
            places.setdefault(url, []).append(i)
        waiting = iter(places)
        running: set[asyncio.Task[tuple[str, Fetched]]] = set()

        async def one(url: str) -> tuple[str, Fetched]:
            return url, await self.fetch(url)

        try:
            while True:
                while len(running) < self.policy.concurrency and (more := next(waiting, None)) is not None:
                    running.add(asyncio.create_task(one(more)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    url, fetched = task.result()
                    for i in places[url]:
                        yield i, fetched
        finally:
            for task in running:
                task.cancel()
