"""What a fetch may cost, and whom it may ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from curate import __version__


@dataclass(frozen=True)
class FetchPolicy:
    """Bounds of one URL. A URL takes at most (retries + 1) x timeout + retries x max_wait seconds.

    timeout              wall clock of one try, from DNS to the last byte, redirects included, seconds
    retries              further tries, for transient outcomes only
    max_wait             longest pause before a try; a server that asks for a longer one is not asked again
    max_bytes            of a body, on the wire and once more after Content-Encoding is undone
    allow_private_hosts  "host" or "host:port"; without it only globally routable addresses are connected to
    resolve              "host" or "*.suffix" -> "address:port", like curl's --resolve
    """

    timeout: float = 10.0
    retries: int = 2
    max_wait: float = 10.0
    max_bytes: int = 20_000_000
    max_redirects: int = 5
    respect_opt_out: bool = True
    allow_private_hosts: tuple[str, ...] = ()
    resolve: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    concurrency: int = 64
    per_host: int = 8

    @property
    def user_agent(self) -> str:
        """Honest: it names the project, and whom to write to where the user says so."""
        return f"curate/{__version__}" + (f" (+{self.contact})" if self.contact else "")
