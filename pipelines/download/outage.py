"""Is it they or we? A unit during which our network was down is never done.

Lists of old URLs hold names that are gone by the thousand, and their failures come together, last of all. So failures
alone prove nothing: what counts is whether hosts that answered before still answer.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from curate.errors import MachineError
from curate.schema import Outcome
from pipelines.download.answer import Fetched

DOWN = (Outcome.DNS, Outcome.CONNECT)
HOSTS = 20  # so many hosts, and nothing but DNS and connect failures: it is our network
STREAK = 200  # such failures one after another, before anybody is asked a second time
ASKED_AGAIN = 3


Answered = deque[str]  # URLs of the hosts that answered last, in any unit of a worker


class Watch:
    """Looks at a unit's results as they come."""

    def __init__(self, fetch: Callable[[str], Awaitable[Fetched]], answered: Answered | None = None) -> None:
        self._fetch = fetch
        self._answered = Answered(maxlen=ASKED_AGAIN) if answered is None else answered
        self._streak = 0
        self._hosts: set[str] = set()

    async def saw(self, url: str, fetched: Fetched) -> None:
        """Raises MachineError when the network is down."""
        if fetched.outcome not in DOWN:
            self._streak = 0
            self._hosts.clear()
            if fetched.http_status is not None:
                self._answered.append(url)
            return
        self._streak += 1
        self._hosts.add(urlsplit(url).netloc)
        if self._streak % STREAK or len(self._hosts) < HOSTS:
            return
        if not await self._still_there():
            raise _down(f"the last {self._streak} URLs, at {len(self._hosts)} hosts, could not be reached")

    async def ended(self, urls: Sequence[str], outcomes: Sequence[Outcome]) -> None:
        """The unit is through. Raises MachineError when the network was down."""
        try:
            network_down(urls, outcomes)
        except MachineError:
            if not await self._still_there():
                raise

    async def _still_there(self) -> bool:
        for known in list(self._answered):
            if (await self._fetch(known)).outcome not in DOWN:
                return True
        return False


def network_down(urls: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    """Raises MachineError when nothing at all could be reached, at many hosts."""
    hosts = len({urlsplit(url).netloc for url in urls})
    if hosts >= HOSTS and all(outcome in DOWN for outcome in outcomes):
        raise _down(f"none of {len(urls)} URLs at {hosts} hosts could be reached")


def _down(what: str) -> MachineError:
    return MachineError(
        f"the network is down: {what}",
        "check this machine's network and DNS, then run the same command again; it goes on where it was",
    )
