"""robots.txt: what RFC 9309 and a list's own size ask of us, and Content-Usage statements in it.

The rules are read by protego. Before that, all groups that do not concern us are left out: thousands of agents
times thousands of rules, in half a megabyte, would take a parser minutes and gigabytes.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from protego import Protego

from curate.schema import OUTCOME_CLASS, Outcome, OutcomeClass
from pipelines.download.answer import Fetched
from pipelines.download.opt_out import usage_refuses
from pipelines.download.policy import NAME
from pipelines.download.urls import Target

MAX_BYTES = 500_000  # that are read; RFC 9309 asks for 500 KiB at least
MAX_RULES = 5_000  # of one agent; more are no rules but an attack, and mean no
SHOWN_RULES = 500  # among so many the one that refused is looked for
MAX_KEPT = 200_000  # rules of all hosts
READ_SECONDS = 86_400.0
UNREAD_SECONDS = 60.0
Site = tuple[str, str, int]  # scheme, host, port
_AGENT = re.compile(r"[a-z0-9_-]+|\*")
_LONGEST = 500


@dataclass
class Rules:
    """A host's word to us. `unread` when it could not be had."""

    verdict_if_allowed: str = "allowed"
    unread: Fetched | None = None
    delay: float = 0.0
    disallowed: list[str] = field(default_factory=list)
    usages: list[tuple[str, str]] = field(default_factory=list)  # path, statement
    too_many: bool = False
    parsed: Protego | None = None
    size: int = 20  # about the memory that it takes, in rules

    def refusal(self, target: Target, respect_usage: bool) -> str | None:
        """The statement that refuses a URL, for `Fetched.consent`."""
        if self.too_many:
            return f"robots.txt: more than {MAX_RULES:,} rules"
        if self.parsed and not self.parsed.can_fetch(target.url, NAME):
            return f"robots.txt: {self._rule(target.url)}"[:_LONGEST]
        if self.usages and respect_usage:
            path = "/" + target.url.split("/", 3)[3]
            said = [(len(prefix), usage) for prefix, usage in self.usages if path.startswith(prefix)]
            longest = max(said, default=(0, ""))[0]
            for length, usage in said:
                if length == longest and usage_refuses(usage):
                    return f"robots.txt: Content-Usage: {usage}"[:_LONGEST]
        return None

    def _rule(self, url: str) -> str:
        if len(self.disallowed) <= SHOWN_RULES:
            for path in sorted(self.disallowed, key=len, reverse=True):
                if not Protego.parse(f"User-agent: *\nDisallow: {path}").can_fetch(url, NAME):
                    return f"Disallow: {path}"
        return "disallows it"


def parse(data: bytes) -> Rules:
    """The rules that concern us. Takes any bytes."""
    groups = _groups(data.decode("utf-8", "replace").removeprefix("\ufeff"))
    lines = groups.get(NAME, groups.get("*", []))
    rules = Rules()
    for name, value in lines:
        if name == "disallow" and value:
            rules.disallowed.append(value)
        elif name == "content-usage" and value:
            path, _, usage = value.partition(" ") if value.startswith("/") else ("/", "", value)
            rules.usages.append((path, usage.strip()))
    rules.too_many = len(lines) > MAX_RULES
    if not rules.too_many:
        shown = [f"{name}: {value}" for name, value in lines if name != "content-usage"]
        rules.parsed = Protego.parse("\n".join(["User-agent: *", *shown]))
        rules.delay = rules.parsed.crawl_delay(NAME) or 0.0
        rules.size += len(lines)
    return rules


def _groups(text: str) -> dict[str, list[tuple[str, str]]]:
    """Name and value of each line, by the agents we care for. Groups of the same agent are one (RFC 9309)."""
    groups: dict[str, list[tuple[str, str]]] = {}
    ours: set[str] = set()
    naming = False  # the line before named an agent too
    for line in re.split(r"[\r\n]+", text):
        name, colon, value = line.partition("#")[0].partition(":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            continue
        if name in ("user-agent", "useragent", "user agent"):
            ours = ours if naming else set()
            naming = True
            agent = _AGENT.match(value.lower())
            if agent and agent[0] in (NAME, "*"):
                ours.add(agent[0])
                groups.setdefault(agent[0], [])
        elif name not in ("sitemap", "host"):
            naming = False
            for agent_name in ours:
                groups[agent_name].append((name, value))
    return groups


class Robots:
    """Each site's robots.txt is asked for once, and again when the answer is too old to count (RFC 9309)."""

    def __init__(self, fetch: Callable[[Target], Awaitable[Fetched]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._rules: dict[Site, asyncio.Future[Rules]] = {}  # the oldest first
        self._until: dict[Site, float] = {}
        self._kept = 0  # rules

    async def rules(self, target: Target) -> Rules:
        key = site(target)
        if self._clock() >= self._until.get(key, float("inf")):
            self._forget(key)
        asking = self._rules.get(key)
        if asking is None or asking.cancelled():
            asking = self._rules[key] = asyncio.ensure_future(self._read(target))
        return await asyncio.shield(asking)

    def _keep(self, key: Site, rules: Rules) -> Rules:
        self._until[key] = self._clock() + (UNREAD_SECONDS if rules.unread else READ_SECONDS)
        self._kept += rules.size
        while self._kept > MAX_KEPT and (oldest := next(iter(self._until))) != key:
            self._forget(oldest)
        return rules

    def _forget(self, key: Site) -> None:
        del self._until[key]
        self._kept -= self._rules.pop(key).result().size

    async def close(self) -> None:
        for asking in self._rules.values():
            asking.cancel()
        await asyncio.gather(*self._rules.values(), return_exceptions=True)

    async def _read(self, target: Target) -> Rules:
        place = target.url.split("/", 3)
        url = "/".join([*place[:3], "robots.txt"])
        fetched = await self._fetch(Target(target.scheme, target.host, target.port, url, target.address))
        rules = Rules("none")
        if fetched.outcome is Outcome.OK:
            rules = parse(fetched.body or b"")
        elif OUTCOME_CLASS[fetched.outcome] is OutcomeClass.TRANSIENT:
            rules = Rules(unread=fetched)
        return self._keep(site(target), rules)


def site(target: Target) -> Site:
    return (target.scheme, target.host, target.port)
