"""What became of a URL, and how statuses, headers and broken exchanges are read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from curate.schema import Outcome
from pipelines.download.policy import Refused

_STATUS = {404: Outcome.NOT_FOUND, 410: Outcome.GONE, 429: Outcome.TOO_MANY_REQUESTS}

# The first that fits: the later ones are the bases of the earlier ones.
_BROKEN: tuple[tuple[type[Exception], Outcome, str], ...] = (
    (aiohttp.ClientConnectorDNSError, Outcome.DNS, "the name cannot be resolved"),
    (aiohttp.ClientSSLError, Outcome.TLS, "no secure connection"),
    (aiohttp.ClientConnectorError, Outcome.CONNECT, "no connection"),
    (aiohttp.ClientPayloadError, Outcome.TRUNCATED_BODY, "the body breaks off"),
    (aiohttp.InvalidURL, Outcome.BAD_URL, "it is no URL"),
    (aiohttp.ClientResponseError, Outcome.RESET, "the answer is not HTTP"),
)


@dataclass(frozen=True)
class Fetched:
    """What became of a URL. No field but `body` ever holds a user name or password of the URL."""

    outcome: Outcome
    body: bytes | None = field(default=None, repr=False)
    http_status: int | None = None
    message: str | None = None
    consent: str | None = None  # the header, or robots.txt's rule, that refused, word for word
    notices: str | None = None  # every header about use by machines on the way, refusing or not, a line each
    robots: str | None = None  # robots.txt's verdict: allowed, disallowed, none (no file); None when not asked
    final_url: str | None = None  # of the last answer
    attempts: int = 1  # 0 when nothing was asked
    retry_after: float | None = None  # seconds, as the server asked
    asked_at: float | None = None  # seconds since 1970, UTC, at the last attempt; None when nothing was asked

    def but(self, **changes: Any) -> "Fetched":
        """The same with these fields. `dataclasses.replace` takes four times as long, and each URL has several."""
        new = object.__new__(Fetched)
        new.__dict__.update(self.__dict__, **changes)
        return new


def status_outcome(status: int) -> Outcome:
    """The outcome that a status stands for; a 3xx that leads nowhere is a bad redirect."""
    if status == 200:
        return Outcome.OK
    if status in _STATUS:
        return _STATUS[status]
    by_hundred = {3: Outcome.BAD_REDIRECT, 4: Outcome.CLIENT_ERROR, 5: Outcome.SERVER_ERROR}
    return by_hundred.get(status // 100, Outcome.BAD_STATUS)


def broken(error: Exception) -> Fetched:
    """The outcome of an exchange that broke off. No branch quotes a URL."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, Refused):
        return Fetched(cause.outcome, message=cause.message)
    for kind, outcome, what in _BROKEN:
        if isinstance(error, kind):
            detail = getattr(cause, "strerror", None) or getattr(error, "message", None) or type(cause).__name__
            return Fetched(outcome, message=f"{what}: {_line(detail)}")
    return Fetched(Outcome.RESET, message=f"the connection broke: {type(error).__name__}")


def _line(text: object) -> str:
    return " ".join(str(text).split())[:150]


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait. A date is measured by the server's own clock, not by ours."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(headers["Date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None
