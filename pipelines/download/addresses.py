"""Which URLs and addresses may be asked at all: http and https, on public addresses, on ports 80 and 443.

A list of URLs is written by strangers. Every address that a name resolves to must be globally routable,
also when it is wrapped (IPv4-mapped IPv6, 6to4, Teredo, NAT64), at the first request and at every redirect.
"""

import fnmatch
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from yarl import URL

MAX_URL = 8_192
NAT64 = ipaddress.ip_network("64:ff9b::/96")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class BadUrl(ValueError):
    """Not a URL that can be asked for. The message never holds a user name or password."""


@dataclass(frozen=True)
class Target:
    """A URL in the form that goes on the wire."""

    url: URL
    host: str  # lower case, no trailing dot, no brackets
    port: int

    @property
    def literal(self) -> Address | None:
        """The address that the host spells out, in any of the ways that a C library reads."""
        return literal_address(self.host)


def parse(text: str) -> Target:
    """Normalise as browsers do: spaces and non-ASCII letters are encoded, IDN becomes ASCII, userinfo goes."""
    text = text.strip(" ")
    if len(text) > MAX_URL:
        raise BadUrl(f"longer than {MAX_URL:,} characters")
    if _FORBIDDEN.search(text):
        raise BadUrl("control characters")
    try:
        url = URL(text.replace("\\", "/"))
        host, port = url.raw_host, url.port
    except (ValueError, TypeError, UnicodeError) as error:
        raise BadUrl("not a URL") from error
    if url.scheme not in ("http", "https"):
        raise BadUrl(f"scheme {url.scheme[:20]!r}, not http or https" if url.scheme else "no scheme")
    if not host or port is None:
        raise BadUrl("no host")
    return Target(url.with_user(None).with_fragment(None), host.rstrip(".").lower(), port)


def literal_address(host: str) -> Address | None:
    """`127.1`, `0x7f000001`, `2130706433`, `0177.0.0.1`, `::1`: inet_aton's spellings and IPv6's."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    parts = host.split(".")
    if not 1 <= len(parts) <= 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *heads, last = numbers
    if any(head > 255 for head in heads) or last >= 256 ** (5 - len(numbers)):
        return None
    return ipaddress.IPv4Address(sum(head << (24 - 8 * i) for i, head in enumerate(heads)) + last)


def _number(part: str) -> int:
    if part[:2].lower() == "0x":
        return int(part[2:] or "0", 16)
    return int(part, 8) if part.startswith("0") and len(part) > 1 else int(part)


def is_public(address: Address) -> bool:
    """Globally routable, and so is every address wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        inner: list[Address] = []
        if address.ipv4_mapped is not None:
            inner.append(address.ipv4_mapped)
        if address.sixtofour is not None:
            inner.append(address.sixtofour)
        if address.teredo is not None:
            inner += list(address.teredo)
        if address in NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if inner:
            return all(map(is_public, inner))
    return address.is_global and not address.is_multicast and not address.is_reserved


def allowed(host: str, port: int, allow: Iterable[str]) -> bool:
    """Is this host, or host:port, one that the user's recipe names?"""
    host = host.strip("[]")
    return any(entry.strip("[]") in (host, f"{host}:{port}") or entry == f"[{host}]:{port}" for entry in allow)


def mapped(host: str, resolve: dict[str, str]) -> str | None:
    """The address:port that the recipe maps a host to."""
    for pattern, target in resolve.items():
        if fnmatch.fnmatchcase(host, pattern.lower()):
            return target
    return None
