"""What servers do, and what is asked of them: all URLs at once, by one fetcher, of one server."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

import psutil

from curate.image_store import StorePolicy, store
from curate.images import Failed
from pipelines.download.answer import Fetched
from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy
from tests.hostile import answers_of_bodies, answers_of_heads, answers_of_urls, answers_over_tls
from tests.hostile.bodies import CAP, JPEG
from tests.hostile.cases import Case, Facts, distinct
from tests.hostile.memory import forget_peak, high_water
from tests.hostile.site import DOMAIN, HostileSite, dead_port
from tests.hostile.stopwatch import Stopwatch, attempts

TIMEOUT = 5.0
RETRIES = 1
KERNEL = 8_000_000  # bytes that may lie in the sockets' buffers while several hundred other URLs are read
NEVER = "never connected"
CROWD = "the memory of all of these at once, the server's with it"

CASES = distinct(
    [
        *answers_of_bodies.CASES,
        *answers_of_heads.CASES,
        *answers_over_tls.CASES,
        *answers_of_urls.CASES,
        Case(NEVER, {"outcome": "timeout", "deadline": True}, ("http://{id}.hostile.test:{dead}/", b"")),
        Case("nobody listens", {"outcome": "connect"}, ("http://{id}.hostile.test:{closed}/", b"")),
        Case(CROWD, {"outcome": "counted", "bounded": True}),
    ]
)


def named(place: int) -> str:
    return f"c{place:03}"


def url_of(case: Case, place: int, site: HostileSite) -> str:
    host = f"{named(place)}.{DOMAIN}:{site.ports['port']}"
    text = case.given[0].replace("{base}", f"http://{host}/{named(place)}")
    text = text.replace("{HOST}", host.upper()).replace("{host}", host).replace("{id}", named(place))
    return site.filled(text)


def answers() -> dict[str, Any]:
    return {named(place): case.given[1] for place, case in enumerate(CASES) if case.given}


@contextmanager
def whole_site() -> Iterator[HostileSite]:
    """The server with all its ports, while the process trusts its authority."""
    authority, contexts = answers_over_tls.servers()
    port, held = dead_port()
    answers_of_urls.SECRET.write_bytes(JPEG)
    with answers_over_tls.trusting(authority), HostileSite(answers(), contexts) as site:
        site.ports |= {"dead": port, "closed": 1}
        yield site
    answers_of_urls.SECRET.unlink(missing_ok=True)
    for sock in held:
        sock.close()


def policy(site: HostileSite) -> FetchPolicy:
    known = {field.name for field in fields(FetchPolicy)}
    more = {"robots": "off"} if "robots" in known else {}  # what robots.txt says is not this suite's matter
    return FetchPolicy(
        timeout=TIMEOUT,
        retries=RETRIES,
        max_bytes=CAP,
        concurrency=len(CASES),
        allow_private_hosts=tuple(f"127.0.0.1:{port}" for port in site.ports.values()),
        resolve={f"*.{DOMAIN}": "127.0.0.1", "*.public.test": "93.184.216.34"},
        **more,
    )


class Openings:
    """Whether a path was opened, by the interpreter's own audit events. A hook cannot be taken off again."""

    def __init__(self) -> None:
        self.paths: set[str] | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.paths is not None and event == "open":
            self.paths.add(str(arguments[0]))


def results() -> dict[str, Facts]:
    openings = Openings()
    with whole_site() as site:
        openings.paths = set()
        watch = Stopwatch()
        idle = psutil.Process().memory_info().rss
        forget_peak(os.getpid())
        found = asyncio.run(_ask_all(site, watch))
        opened = any(answers_of_urls.SECRET.name in path for path in openings.paths)
        openings.paths = None
        megabytes = (high_water(os.getpid()) - idle) // 1_000_000
        crowd = {"outcome": "counted", "bounded": megabytes <= 400, "message": f"{megabytes} MB above idle"}
        return {CROWD: crowd} | {
            case.name: {**_facts(fetched, named(place), site, watch), "opened": opened}
            for place, (case, fetched) in enumerate(zip(CASES, found, strict=False))
        }


async def _ask_all(site: HostileSite, watch: Stopwatch) -> list[Fetched]:
    async with Fetcher(policy(site), connect=watch) as fetcher:
        return await fetcher.fetch_all([url_of(case, place, site) for place, case in enumerate(CASES) if case.given])


def _seconds(name: str, site: HostileSite, watch: Stopwatch) -> list[float]:
    """Of each attempt. The case that is never connected is known by its port."""
    if CASES[int(name[1:])].name == NEVER:
        unheard = [span for span in watch.spans if span.to_port == site.ports["dead"]]
        return attempts(unheard, unheard)
    calls = site.callers[name]
    spans = {
        at: span
        for at in calls
        for span in watch.spans
        if span.own_port == at[0] and span.opened <= at[1] <= span.closed
    }
    return attempts(list(spans.values()), [span for at, span in spans.items() if at[2] == calls[0][2]])


def _facts(fetched: Fetched, name: str, site: HostileSite, watch: Stopwatch) -> Facts:
    heads, sent, seconds = site.heads[name], site.sent[name], _seconds(name, site, watch)
    outcome = str(fetched.outcome)
    if fetched.body is not None:
        kept = store(fetched.body, StorePolicy())
        outcome = str(kept.outcome) if isinstance(kept, Failed) else "ok"
    return {
        "outcome": outcome,
        "requests": len(heads),
        "target": site.targets[name][-1] if heads else None,
        "whole": fetched.body == JPEG,
        "deadline": len(seconds) == fetched.attempts and all(TIMEOUT - 1 <= each <= TIMEOUT + 3 for each in seconds),
        "quick": max(seconds, default=0) < TIMEOUT / 2,
        "soon": site.first(name) < TIMEOUT,  # though the slow ones hold their places for 5 s
        "gap": site.gap(name) >= 1,
        "near_cap": sent <= CAP + KERNEL,
        "bounded": sent <= 1_500_000 * fetched.attempts,
        "cookie": any("cookie:" in head.lower() for head in heads),
        "message": f"{fetched.message} ({[round(each, 1) for each in seconds]} s, {sent:,} bytes)",
    }
