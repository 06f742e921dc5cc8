"""Does the answer's header say that its owner does not want it in a training set?

The words are data, in opt_out.yaml, with where they come from. What one header refuses, no other can allow.
"""

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import yaml

_WORDS = yaml.safe_load(Path(__file__).with_name("opt_out.yaml").read_text(encoding="utf-8"))

REFUSING_DIRECTIVES = frozenset(_WORDS["directives"])
REFUSING_USAGES = frozenset(_WORDS["usages"])
NOTICES = frozenset(_WORDS["notices"])
_VALUED = frozenset(_WORDS["valued"])
_EVERYONE = frozenset(_WORDS["everyone"])
_REFUSING_PREFERENCES = frozenset(_WORDS["refusing_preferences"])
_RESERVED = frozenset(_WORDS["reservations"])

_PRODUCT = re.compile(r"[a-z*][a-z0-9_.+-]*(?:/[0-9a-z.+-]*)?")
_DATE_HEAD = re.compile(r"\w{3,9},")  # of "Fri, 25 Jun 2010 15:00:00 GMT"
_LONGEST = 500


def refusal(
    headers: Iterable[tuple[str, str]], agent_names: Collection[str], now: datetime | None = None
) -> str | None:
    """The first header that refuses, word for word, or None. `agent_names` are ours, in lower case."""
    for name, value in headers:
        if _refuses(name.strip().lower(), value.lower(), agent_names, now):
            return f"{name}: {value}"[:_LONGEST]
    return None


def notices(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Every header about use by machines, word for word, whatever it says."""
    return [f"{name}: {value}" for name, value in headers if name.strip().lower() in NOTICES]


def usage_refuses(value: str) -> bool:
    """A Content-Usage: a dictionary of usages and preferences (RFC 9651). One refusal in it is enough."""
    return any(_member_refuses(member) for member in _members(value.lower()))


def _refuses(name: str, value: str, agent_names: Collection[str], now: datetime | None) -> bool:
    match name:
        case "x-robots-tag":
            return _robots_refuses(value, agent_names, now)
        case "tdm-reservation":
            return any(_bare(item) in _RESERVED for item in value.split(","))
        case "content-usage":
            return usage_refuses(value)
    return False


def _robots_refuses(value: str, agent_names: Collection[str], now: datetime | None) -> bool:
    """Directives hold for the agent named before them, in this header, and for all if none is.

    A date may contain commas and colons ("Fri, 25 Jun 2010 15:00:00 PST"): what stands before a colon is an
    agent only if it could be a product's name.
    """
    concerns_us = True
    items = value.split(",")
    for at, item in enumerate(items):
        item = _bare(item)
        while ":" in item:
            before, _, rest = item.partition(":")
            before = before.strip()
            if before in _VALUED:
                if before == "unavailable_after" and concerns_us and _is_past(rest, items[at + 1 : at + 2], now):
                    return True
                break
            if _PRODUCT.fullmatch(before):
                agent = before.partition("/")[0]
                concerns_us = agent in agent_names or agent in _EVERYONE
            item = _bare(rest)
        if concerns_us and item in REFUSING_DIRECTIVES:
            return True
    return False


def _bare(text: str) -> str:
    return text.strip().strip("\"'").strip()


def _is_past(text: str, behind: list[str], now: datetime | None) -> bool:
    """A date that has passed; one that cannot be read has not. Its week day may have split it at the comma."""
    text = _bare(text)
    if behind and _DATE_HEAD.fullmatch(f"{text},"):
        text = f"{text},{behind[0]}".strip().strip("\"'")
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(text.upper())
        except (ValueError, TypeError, OverflowError):
            continue
        return (date if date.tzinfo else date.replace(tzinfo=UTC)) < (now or datetime.now(UTC))
    return False


def _members(text: str) -> list[str]:
    """A dictionary's members: what stands between commas that are in no string and in no inner list."""
    members, depth, quoted, begun = [], 0, False, 0
    for at, sign in enumerate(text):
        if sign == '"' and text[at - 1 : at] != "\\":
            quoted = not quoted
        elif not quoted and sign in "()":
            depth += 1 if sign == "(" else -1
        elif not quoted and depth <= 0 and sign == ",":
            members.append(text[begun:at])
            begun = at + 1
    if quoted or depth > 0:  # malformed: taken at its plainest
        return text.split(",")
    return [*members, text[begun:]]


def _member_refuses(member: str) -> bool:
    usage, _, preference = member.partition(";")[0].partition("=")
    return usage.strip() in REFUSING_USAGES and _bare(preference) in _REFUSING_PREFERENCES
