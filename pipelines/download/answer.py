"""What a server's answer, or its silence, comes to: an outcome from the closed list."""

import ssl
import zlib
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from curate.schema import Outcome
from pipelines.download.addresses import BadUrl

MAX_MEMBERS = 1_024  # of a gzip body: many small members are a bomb of their own
RESET_ERRNOS = (32, 104)


@dataclass(frozen=True)
class Fetched:
    """`message` never holds a user name or password. `consent` is the header that refused."""

    outcome: Outcome
    body: bytes | None = None
    http_status: int | None = None
    message: str | None = None
    consent: str | None = None
    final_url: str | None = None
    attempts: int = 1
    wait: float | None = None  # seconds that the server asked for


def parse_relative(location: str) -> URL:
    """A Location header as a URL to join; what a server writes there may be anything."""
    if any(ord(letter) < 0x20 for letter in location):
        raise BadUrl("control characters")
    scheme = location.partition(":")[0].lower()
    if "/" not in scheme and ":" in location and scheme.isalpha() and scheme not in ("http", "https"):
        raise BadUrl(f"scheme {scheme[:20]!r}")
    return URL(location)


def status_outcome(status: int) -> Outcome | None:
    if status == 200:
        return None
    named = {404: Outcome.NOT_FOUND, 410: Outcome.GONE, 429: Outcome.TOO_MANY_REQUESTS}
    if status in named:
        return named[status]
    if 400 <= status < 500:
        return Outcome.CLIENT_ERROR
    return Outcome.SERVER_ERROR if 500 <= status < 600 else Outcome.BAD_STATUS


def retry_after(value: str | None) -> float | None:
    """Seconds. A date is taken as a wish for a long pause: clocks differ."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        return float("inf")


def failed(error: BaseException) -> Fetched:
    """The outcome of a transport error."""
    message = f"{type(error).__name__}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return Fetched(Outcome.TLS, message=message)
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ClientConnectionResetError):
        return Fetched(Outcome.TRUNCATED_BODY, message=message)
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError | BrokenPipeError):
        return Fetched(Outcome.RESET, message=message)
    if isinstance(error, aiohttp.ClientOSError) and isinstance(error.__cause__, ConnectionResetError):
        return Fetched(Outcome.RESET, message=message)
    if isinstance(error, aiohttp.ClientConnectorError | ConnectionError):
        return Fetched(Outcome.CONNECT, message=message)
    if isinstance(error, aiohttp.ClientResponseError):
        return Fetched(Outcome.RESET, message=f"{message}: not HTTP"[:200])
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return Fetched(Outcome.BAD_URL, message=message)
    if isinstance(error, OSError) and error.errno in RESET_ERRNOS:
        return Fetched(Outcome.RESET, message=message)
    return Fetched(Outcome.CONNECT, message=message)


def decoded(found: Fetched, body: bytes, encoding: str, limit: int) -> Fetched:
    """Undo gzip or deflate that nobody asked for, as a stream under the same limit."""
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return replace(found, outcome=Outcome.NOT_AN_IMAGE, message=f"Content-Encoding: {encoding}"[:100])
    out = bytearray()
    try:
        for _ in range(MAX_MEMBERS):
            engine = zlib.decompressobj(zlib.MAX_WBITS | 32)
            out += engine.decompress(body, limit + 1 - len(out))
            if len(out) > limit:
                return replace(found, outcome=Outcome.TOO_LARGE, message=f"more than {limit:,} bytes when unpacked")
            if not engine.eof:
                return replace(found, outcome=Outcome.TRUNCATED_BODY, message=f"{encoding} ends early")
            body = engine.unused_data
            if not body:
                return replace(found, body=bytes(out))
    except zlib.error:
        return replace(found, outcome=Outcome.DAMAGED_IMAGE, message=f"not {encoding}")
    return replace(found, outcome=Outcome.TOO_LARGE, message=f"more than {MAX_MEMBERS} {encoding} members")
