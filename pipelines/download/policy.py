"""What may be asked of the web, for how long and how often; and the exception that says no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from curate import __version__
from curate.schema import Outcome

NAME = "curate"


@dataclass(frozen=True)
class FetchPolicy:
    """How URLs are fetched.

    `timeout` is one wall-clock deadline over everything one attempt does: DNS, connect, TLS, headers, body
    and every redirect. With its retries and their pauses a URL is worked on for at most `total_seconds`;
    time in the queue, before an attempt may start, is not counted. The queue has its own bound: `host_wait`.

    `allow_private_hosts` lifts the refusal of private addresses and of ports other than 80 and 443 for a
    server of your own: "host" or "host:port", where host is a name or an address.

    `resolve` answers for DNS, like curl's option: {"*.planted.example": "127.0.0.1:8123"}. A star stands for
    any subdomain. It allows nothing: a private target still has to be among `allow_private_hosts`.

    `robots`: whose robots.txt is read. "bulk": of hosts with at least `bulk_host` URLs in one list. Robots.txt
    is for crawlers (RFC 9309); a few pictures of a host are no crawl, and one more request for each host of the
    long tail would double what is asked of it. The headers that come with a picture are read always.

    `per_host`, `per_host_rate` and what a host asks for itself (Retry-After, Crawl-delay) hold for all workers
    together that share one `hosts.Hosts`.
    """

    timeout: float = 10.0
    retries: int = 2  # of transient outcomes only
    max_retry_after: float = 10.0  # the longest pause, ours or one that a server asks for
    max_bytes: int = 20_000_000  # on the wire, and again after decompression
    max_redirects: int = 5
    respect_opt_out: bool = True
    allow_private_hosts: tuple[str, ...] = ()
    resolve: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    contact: str = ""  # a URL or an address for the owners of the servers, sent with every request
    concurrency: int = 2048  # URLs in hand, at most; `pace` says how many of them are wise
    body_bytes: int = 300_000_000  # of all bodies in hand together
    per_host: int = 8
    per_host_rate: float = 0.0  # requests to one host in a second; 0 for no limit
    host_failures: int = 16  # in a row without any answer: the host's other URLs are not asked any more
    first_failures: int = 2  # the same, of a host that never answered, but no fewer than a URL has tries
    host_wait: float = 300.0  # seconds for which a host may give no turn before its URLs are given up
    robots: Literal["off", "bulk", "all"] = "bulk"
    bulk_host: int = 20

    def __post_init__(self) -> None:
        for name in (
            "timeout",
            "max_bytes",
            "concurrency",
            "per_host",
            "host_failures",
            "first_failures",
            "host_wait",
            "bulk_host",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is more than 0; not {getattr(self, name)}")
        for name in ("retries", "max_retry_after", "max_redirects", "per_host_rate"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is 0 or more; not {getattr(self, name)}")
        if self.body_bytes < 6 * self.max_bytes:
            raise ValueError(
                f"body_bytes is at least six times max_bytes ({self.max_bytes:,}); not {self.body_bytes:,}"
            )
        if not self.contact.isascii() or not self.contact.isprintable():
            raise ValueError("contact is one line of printable ASCII: it is sent in a header")

    @property
    def user_agent(self) -> str:
        return f"{NAME}/{__version__} (+{self.contact})" if self.contact else f"{NAME}/{__version__}"

    @property
    def total_seconds(self) -> float:
        return (self.retries + 1) * self.timeout + self.retries * self.max_retry_after


class Refused(OSError):
    """A URL ends here. An OSError, so that it passes unchanged through what opens connections."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
