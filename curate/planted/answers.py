"""How a planted URL answers, and what a correct downloader should say about it.

A behaviour is what the server does; its outcome is a `curate.schema.Outcome`. Several behaviours may have one
outcome. Time-outs are rare on purpose: each costs a client its whole deadline.
"""

import json
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise

from curate.schema import Outcome


class Behaviour(StrEnum):
    # an image comes of these
    IMAGE = "image"
    THROTTLED_ONCE = "throttled_once"  # 429 with Retry-After: 1, then the image
    SLOW = "slow"  # in pieces over about a second
    REDIRECT_301 = "redirect_301"
    REDIRECT_302 = "redirect_302"
    REDIRECT_307 = "redirect_307"
    REDIRECT_308 = "redirect_308"
    REDIRECT_CHAIN = "redirect_chain"  # three hops
    IMAGE_AS_HTML = "image_as_html"
    GZIPPED = "gzipped"  # Content-Encoding: gzip, asked for or not
    OTHER_AGENT = "other_agent"  # X-Robots-Tag for another agent only
    # none of these
    NOT_FOUND = "not_found"
    GONE = "gone"
    THROTTLED = "throttled"  # 429 for ever
    BROKEN = "broken"  # 500
    UNAVAILABLE = "unavailable"  # 503 with Retry-After
    SILENT = "silent"
    DRIP = "drip"  # one byte of body now and then
    DRIP_HEADERS = "drip_headers"  # one header line now and then
    REDIRECT_LOOP = "redirect_loop"
    REDIRECT_LOOPBACK = "redirect_loopback"
    REDIRECT_LINK_LOCAL = "redirect_link_local"
    REDIRECT_FILE = "redirect_file"
    REDIRECT_FTP = "redirect_ftp"
    HTML_AS_IMAGE = "html_as_image"
    SVG = "svg"
    TRUNCATED = "truncated"  # the body ends before its Content-Length
    CORRUPT = "corrupt"  # the body is whole, the image data in it is cut
    EMPTY = "empty"
    NO_CONTENT = "no_content"
    NOAI = "noai"
    NOIMAGEAI = "noimageai"
    NONE = "none"
    TDM = "tdm"
    PIXEL_BOMB = "pixel_bomb"
    ENDLESS = "endless"
    OVERSIZED = "oversized"  # a Content-Length of 8 GB
    RESET = "reset"
    NO_SUCH_HOST = "no_such_host"  # never served


OK_SHARES: dict[Behaviour, float] = {  # of all pairs; the other downloadable rows are plain images
    Behaviour.THROTTLED_ONCE: 0.010,
    Behaviour.SLOW: 0.003,
    Behaviour.REDIRECT_301: 0.005,
    Behaviour.REDIRECT_302: 0.005,
    Behaviour.REDIRECT_307: 0.003,
    Behaviour.REDIRECT_308: 0.003,
    Behaviour.REDIRECT_CHAIN: 0.003,
    Behaviour.IMAGE_AS_HTML: 0.005,
    Behaviour.GZIPPED: 0.005,
    Behaviour.OTHER_AGENT: 0.005,
}
FAILING: dict[Behaviour, tuple[Outcome, float]] = {  # outcome, and share of the failing rows in per cent
    Behaviour.NOT_FOUND: (Outcome.NOT_FOUND, 24),
    Behaviour.GONE: (Outcome.GONE, 5),
    Behaviour.NO_SUCH_HOST: (Outcome.DNS, 9),
    Behaviour.HTML_AS_IMAGE: (Outcome.NOT_AN_IMAGE, 8),
    Behaviour.NOAI: (Outcome.OPTED_OUT, 4),
    Behaviour.THROTTLED: (Outcome.TOO_MANY_REQUESTS, 4),
    Behaviour.BROKEN: (Outcome.SERVER_ERROR, 4),
    Behaviour.TRUNCATED: (Outcome.TRUNCATED_BODY, 4),
    Behaviour.CORRUPT: (Outcome.DAMAGED_IMAGE, 4),
    Behaviour.UNAVAILABLE: (Outcome.SERVER_ERROR, 3),
    Behaviour.SILENT: (Outcome.TIMEOUT, 2.4),
    Behaviour.DRIP: (Outcome.TIMEOUT, 2.1),
    Behaviour.RESET: (Outcome.RESET, 2.5),
    Behaviour.EMPTY: (Outcome.EMPTY_BODY, 2.5),
    Behaviour.NO_CONTENT: (Outcome.BAD_STATUS, 2.5),
    Behaviour.NOIMAGEAI: (Outcome.OPTED_OUT, 2.5),
    Behaviour.NONE: (Outcome.OPTED_OUT, 2.5),
    Behaviour.TDM: (Outcome.OPTED_OUT, 2.5),
    Behaviour.SVG: (Outcome.NOT_AN_IMAGE, 2.5),
    Behaviour.REDIRECT_LOOP: (Outcome.BAD_REDIRECT, 2.2),
    Behaviour.REDIRECT_FILE: (Outcome.BAD_REDIRECT, 2.2),
    Behaviour.REDIRECT_FTP: (Outcome.BAD_REDIRECT, 2.2),
    Behaviour.REDIRECT_LOOPBACK: (Outcome.PRIVATE_ADDRESS, 2.2),
    Behaviour.REDIRECT_LINK_LOCAL: (Outcome.PRIVATE_ADDRESS, 2.2),
    Behaviour.PIXEL_BOMB: (Outcome.TOO_MANY_PIXELS, 2.2),
    Behaviour.ENDLESS: (Outcome.TOO_LARGE, 2.2),
    Behaviour.OVERSIZED: (Outcome.TOO_LARGE, 2.2),
    Behaviour.DRIP_HEADERS: (Outcome.TIMEOUT, 2.0),
}
HEADERS: dict[Behaviour, dict[str, str]] = {
    Behaviour.NOAI: {"X-Robots-Tag": "noai"},
    Behaviour.NOIMAGEAI: {"X-Robots-Tag": "noimageai, noindex"},
    Behaviour.NONE: {"X-Robots-Tag": "none"},
    Behaviour.TDM: {"tdm-reservation": "1"},
    Behaviour.OTHER_AGENT: {"X-Robots-Tag": "googlebot: noindex"},
}
REDIRECT_STATUS = {
    Behaviour.REDIRECT_301: 301,
    Behaviour.REDIRECT_302: 302,
    Behaviour.REDIRECT_307: 307,
    Behaviour.REDIRECT_308: 308,
}
ELSEWHERE = {
    Behaviour.REDIRECT_LOOPBACK: "http://127.0.0.1:1/admin.jpg",
    Behaviour.REDIRECT_LINK_LOCAL: "http://169.254.0.1/latest/meta-data.jpg",
    Behaviour.REDIRECT_FILE: "file:///etc/hostname",
    Behaviour.REDIRECT_FTP: "ftp://img01.planted.example/picture.jpg",
}
NEEDS_PICTURE = frozenset(  # failing ones that still send (part of) an image
    {
        Behaviour.DRIP, Behaviour.TRUNCATED, Behaviour.CORRUPT, Behaviour.NOAI, Behaviour.NOIMAGEAI,
        Behaviour.NONE, Behaviour.TDM, Behaviour.ENDLESS, Behaviour.OVERSIZED,
    }
)  # fmt: skip
HTML = b"<!doctype html><html><head><title>Gallery</title></head><body><h1>Moved</h1>" + b"<p>hello</p>" * 40
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"><circle r="90"/></svg>'


def outcome_of(behaviour: Behaviour) -> Outcome:
    """What a correct downloader reports in the end."""
    return FAILING[behaviour][0] if behaviour in FAILING else Outcome.OK


@dataclass(frozen=True)
class Page:
    """One URL of the planted web. `body` is the bytes it sends, whole or in part."""

    url: str
    behaviour: Behaviour
    content_type: str = "text/html"
    location: str | None = None
    body: bytes = b""

    def headers_json(self) -> str:
        return json.dumps(HEADERS.get(self.behaviour, {}))


def pages_of(url: str, behaviour: Behaviour, image: bytes, content_type: str, host: str) -> list[Page]:
    """The pages that make a URL behave so: itself, and those it leads to, on `host`."""
    if behaviour is Behaviour.NO_SUCH_HOST:
        return []
    if behaviour in ELSEWHERE:
        return [Page(url, behaviour, location=ELSEWHERE[behaviour])]
    target = f"http://{host}/moved/{url.rsplit('/', 1)[1]}"
    final = Page(target, Behaviour.IMAGE, content_type, body=image)
    if behaviour in REDIRECT_STATUS:
        return [Page(url, behaviour, location=target), final]
    if behaviour is Behaviour.REDIRECT_CHAIN:
        stops = [url, *(f"http://{host}/hop{i}/{url.rsplit('/', 1)[1]}" for i in (1, 2)), target]
        return [*(Page(a, behaviour, location=b) for a, b in pairwise(stops)), final]
    if behaviour is Behaviour.REDIRECT_LOOP:
        return [Page(url, behaviour, location=target), Page(target, behaviour, location=url)]
    if behaviour is Behaviour.IMAGE_AS_HTML:
        return [Page(url, behaviour, "text/html; charset=utf-8", body=image)]
    return [_plain_page(url, behaviour, image, content_type)]


def _plain_page(url: str, behaviour: Behaviour, image: bytes, content_type: str) -> Page:
    if behaviour is Behaviour.CORRUPT:
        return Page(url, behaviour, content_type, body=image[: len(image) * 3 // 5])
    if behaviour is Behaviour.HTML_AS_IMAGE:
        return Page(url, behaviour, "image/jpeg", body=HTML)
    if behaviour is Behaviour.SVG:
        return Page(url, behaviour, "image/svg+xml", body=SVG)
    if behaviour is Behaviour.PIXEL_BOMB:
        return Page(url, behaviour, "image/png", body=pixel_bomb())
    if behaviour is Behaviour.EMPTY:
        return Page(url, behaviour, "image/jpeg")
    if behaviour in FAILING and behaviour not in NEEDS_PICTURE:
        return Page(url, behaviour)
    return Page(url, behaviour, content_type, body=image)


@cache
def pixel_bomb(side: int = 20_000) -> bytes:
    """A small PNG of `side` x `side` white pixels of one bit."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * -(-side // 8)
    data = b"".join(packer.compress(row * 100) for _ in range(side // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
