"""From the text of a list to the URL that is asked for, as a browser would read it.

Spaces, umlauts and international names are encoded; control characters, other schemes and what is no URL are
refused. A user name and password are dropped before anything else can see them. Messages never quote the URL.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, unquote, urljoin

from yarl import URL

from curate.schema import Outcome
from pipelines.download.policy import Refused

MAX_URL = 8_192
PORTS = {"http": 80, "https": 443}

# What the URL standard leaves as it is in a path or a query, beside letters and digits. "%" is among them:
# an escape is not escaped again, and a stray "%" is sent as it was written.
_PATH_SAFE = "%/:@!$&'()*+,;=~-._|[]"
_QUERY_SAFE = "%/:@!$&()*+,;=~-._?|[]{}^`\\"

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_DOT = re.compile(r"\.|%2e", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """A URL that can be asked for: no user name, no fragment, ASCII only."""

    scheme: str
    host: str  # lower case, without brackets; an IPv4 address in its four numbers
    port: int
    url: str
    address: IPv4Address | IPv6Address | None  # when the host is one


def parse_url(text: str) -> Target:
    """The target of a URL. Raises Refused(bad_url)."""
    text = _clean(text)
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise _bad("it does not begin with http:// or https://")
    rest = rest.partition("#")[0]
    end = min((at for at in map(rest.find, "/?") if at >= 0), default=len(rest))
    authority, tail = rest[:end].rpartition("@")[2], rest[end:]
    host, address, port = _authority(authority, PORTS[scheme])
    path, question, query = tail.partition("?")
    path = _without_dots(_quoted(path or "/", _PATH_SAFE))
    query = question + _quoted(query, _QUERY_SAFE)
    shown = f"[{host}]" if isinstance(address, IPv6Address) else host
    place = shown if port == PORTS[scheme] else f"{shown}:{port}"
    url = f"{scheme}://{place}{path}{query}"
    if len(url) > MAX_URL:
        raise _bad(f"it is longer than {MAX_URL:,} bytes")
    return Target(scheme, host, port, url, address)


def follow(base: Target, location: str) -> Target:
    """The target of a redirect. Raises Refused(bad_redirect)."""
    try:
        return parse_url(urljoin(base.url, _clean(location)))
    except (Refused, ValueError) as error:
        reason = error.message if isinstance(error, Refused) else "it is no URL"
        raise Refused(Outcome.BAD_REDIRECT, f"the redirect cannot be followed: {reason}") from error


def _bad(reason: str) -> Refused:
    return Refused(Outcome.BAD_URL, reason)


def _clean(text: str) -> str:
    if not text:
        raise _bad("it is empty")
    if len(text) > MAX_URL:
        raise _bad(f"it is longer than {MAX_URL:,} characters")
    text = text.strip(" \t\r\n")
    if _CONTROL.search(text):
        raise _bad("it contains a control character")
    # Browsers take a backslash for a slash, and so must whoever decides where the host ends.
    head, mark, tail = re.match(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return head.replace("\\", "/") + mark + tail


def _authority(text: str, default_port: int) -> tuple[str, IPv4Address | IPv6Address | None, int]:
    if text.startswith("["):
        inner, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _bad("its host is malformed")
        try:
            address = IPv6Address(inner)
        except ValueError as error:
            raise _bad("its host is no IPv6 address") from error
        if address.scope_id:
            raise _bad("its IPv6 address names a network interface")
        return str(address), address, _port(rest[1:], default_port)
    name, _, port = text.partition(":")
    host = _host_name(name)
    ipv4 = _ipv4(host)
    return (str(ipv4) if ipv4 else host), ipv4, _port(port, default_port)


def _port(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text.lstrip("0")) <= 5 and 0 < int(text) < 65_536):
        raise _bad("its port is no port")
    return int(text)


@lru_cache(maxsize=4096)
def _host_name(text: str) -> str:
    """The ASCII form of a host. IDNA can turn other scripts' digits and dots into ours, so it comes first."""
    try:
        host = URL.build(scheme="http", host=unquote(text, errors="strict")).raw_host or ""
    except ValueError as error:
        raise _bad("its host is no name") from error
    host = host.lower().removesuffix(".")
    if len(host) > 253 or not _HOST.fullmatch(host):
        raise _bad("its host is no name")
    return host


def _ipv4(host: str) -> IPv4Address | None:
    """The address meant by 127.0.0.1, 127.1, 2130706433, 0x7f.1 or 0177.0.0.1; None for a name."""
    parts = host.split(".")
    if not re.fullmatch(r"\d+|0x[0-9a-f]*", parts[-1]):
        return None
    if len(parts) > 4:
        raise _bad("its host is no IPv4 address")
    numbers = [_number(part) for part in parts]
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise _bad("its host is no IPv4 address")
    value = numbers[-1] + sum(number << (24 - 8 * at) for at, number in enumerate(numbers[:-1]))
    return IPv4Address(value)


def _number(part: str) -> int:
    try:
        if part.startswith("0x"):
            return int(part[2:] or "0", 16)
        if not part.isdigit():
            raise ValueError
        return int(part, 8 if part.startswith("0") else 10)
    except ValueError as error:
        raise _bad("its host is no IPv4 address") from error


def _quoted(text: str, safe: str) -> str:
    try:
        # A server's own bytes in a redirect arrive as lone surrogates and go back as the bytes they were.
        return quote(text.encode("utf-8", "surrogateescape"), safe=safe)
    except UnicodeEncodeError as error:
        raise _bad("it contains half a character") from error


def _without_dots(path: str) -> str:
    if not _DOT.search(path):
        return path
    kept: list[str] = []
    parts = path.split("/")[1:]
    for at, part in enumerate(parts):
        dots = _DOT.sub(".", part)
        if dots == ".." and kept:
            kept.pop()
        if dots not in (".", ".."):
            kept.append(part)
        elif at == len(parts) - 1:
            kept.append("")
    return "/" + "/".join(kept)
