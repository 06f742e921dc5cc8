"""One request and its answer, from the headers that may refuse to the last byte of the body."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from curate.schema import Outcome
from pipelines.download.answer import Fetched, broken, retry_after, status_outcome
from pipelines.download.bodies import BUFFER, PIECE, RECEIVED, Share
from pipelines.download.encoding import Body
from pipelines.download.opt_out import NOTICES, notices, refusal
from pipelines.download.policy import NAME, FetchPolicy, Refused

REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Wanted:
    """What is asked for."""

    max_bytes: int
    beginning: bool = False  # of a longer one, so much of the beginning is enough
    obey: bool = True  # its headers may refuse


@dataclass(frozen=True)
class Redirect:
    location: str


class Exchange:
    def __init__(self, policy: FetchPolicy, session: aiohttp.ClientSession) -> None:
        self._policy = policy
        self._session = session

    async def ask(
        self, url: str, wanted: Wanted, share: Share, said: list[str], answered: Callable[[], bool]
    ) -> Fetched | Redirect:
        """The end of the way, or where it goes on. Notices are added to `said`.

        `answered` is called when the headers are there. If it returns False, the connection is not kept.
        """
        asked = self._session.get(URL(url, encoded=True), allow_redirects=False, read_bufsize=BUFFER)
        async with asked as response:
            keep = answered()
            transport: Any = response.connection and response.connection.transport
            if hasattr(transport, "max_size"):
                transport.max_size = RECEIVED  # asyncio would take 256 KiB at a time; there is no public switch
            try:
                answer = await self._read(response, wanted, share, said)
            except (aiohttp.ClientError, HttpProcessingError, Refused, ConnectionError) as error:
                answer = broken(error)
            finally:
                if not keep or not response.content.at_eof():
                    response.close()  # an unread rest is not worth a connection
            if isinstance(answer, Redirect):
                return answer
            return answer.but(http_status=response.status, final_url=url)

    async def _read(
        self, response: aiohttp.ClientResponse, wanted: Wanted, share: Share, said: list[str]
    ) -> Fetched | Redirect:
        headers = response.headers
        refused = self._refusal(response, said) if any(name in headers for name in NOTICES) and wanted.obey else None
        location = headers.get("Location")
        if location is not None and response.status in REDIRECTS:
            return refused or Redirect(location)
        outcome = status_outcome(response.status)
        if outcome is not Outcome.OK:
            return Fetched(outcome, message=f"HTTP {response.status}", retry_after=retry_after(headers))
        return refused or await self._body(response, wanted, share)

    def _refusal(self, response: aiohttp.ClientResponse, said: list[str]) -> Fetched | None:
        headers = list(response.headers.items())
        said += notices(headers)
        consent = refusal(headers, (NAME,)) if self._policy.respect_opt_out else None
        return Fetched(Outcome.OPTED_OUT, message=consent, consent=consent) if consent else None

    async def _body(self, response: aiohttp.ClientResponse, wanted: Wanted, share: Share) -> Fetched:
        most = wanted.max_bytes
        declared = response.content_length
        if declared is not None and declared > most and not wanted.beginning:
            return Fetched(Outcome.TOO_LARGE, message=f"{declared:,} bytes announced, {most:,} allowed")
        coding = ",".join(response.headers.getall("Content-Encoding", []))
        body = Body(coding, most)
        ended = _end_of_connection(response)
        known = not coding and declared is not None
        need = min(declared, most) if known and declared is not None else most
        size = most if coding else 0  # of which it can be by the next chunk
        try:
            async for chunk in response.content.iter_chunked(PIECE):
                size += len(chunk)
                await share.grow(min(size, need), need, known=known)
                body.feed(chunk)
        except Refused as error:
            if error.outcome is not Outcome.TOO_LARGE or not wanted.beginning:
                raise
            return Fetched(Outcome.OK, body.so_far())
        if ended is not None and ended.done() and ended.exception():
            return Fetched(Outcome.TRUNCATED_BODY, message="the body breaks off: the connection was reset")
        data = body.finish()
        share.settle(len(data))
        if not data:
            return Fetched(Outcome.EMPTY_BODY, message="the body is empty")
        return Fetched(Outcome.OK, data)


def _end_of_connection(response: aiohttp.ClientResponse) -> "asyncio.Future[None] | None":
    """Where only the end of the connection ends the body: done when that has come, with an exception if it broke."""
    if "Content-Length" in response.headers or "Transfer-Encoding" in response.headers:
        return None
    protocol = response.connection.protocol if response.connection else None
    ended = None if protocol is None else protocol.closed
    if ended is not None:
        ended.add_done_callback(lambda future: future.cancelled() or future.exception())  # it may never be looked at
    return ended
