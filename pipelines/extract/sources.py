"""What a file holds: the pages of a WARC or WAT file, or itself a page. Its bytes tell, not its name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from pipelines.download.policy import Refused
from pipelines.download.urls import parse_url
from pipelines.extract import http
from pipelines.extract.html import Answer, read_page
from pipelines.extract.members import Ahead, Broken, opened
from pipelines.extract.rows import MAX_PAGE, Counts, Row
from pipelines.extract.warc import MAGIC, Archive, Record
from pipelines.extract.wat import read_wat

HTML = ("text/html", "application/xhtml+xml")
UNSAID = ("", "unknown", "unk", "text/plain", "application/octet-stream", "application/unknown")
BEGINNINGS = (b"<!doctype html", b"<html", b"<head", b"<body", b"<title", b"<meta", b"<script", b"<!--", b"<?xml")
PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"%PDF", b"PK\x03\x04")
NAMES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Options:
    """`page`: the URL of a page that is a file."""

    keep_empty: bool = False
    page: str | None = None


@dataclass
class Source:
    """A file. Iterate over its rows once; then `counts` and `trouble` (a sentence, or None) are of the whole of it."""

    path: str
    raw: IO[bytes]
    options: Options
    counts: Counts = field(default_factory=Counts)
    trouble: str | None = None

    def __iter__(self) -> Iterator[list[Row]]:
        stream = opened(self.raw)
        if stream.broken or stream.first.lstrip(b"\r\n").startswith(MAGIC):
            yield from self._archive(stream)
        else:
            yield self._file(stream)

    def _archive(self, stream: Ahead) -> Iterator[list[Row]]:
        archive = Archive(stream)
        for record in archive:
            counts, rows = read_record(record, self.options)
            self.counts.add(counts)
            yield rows
        self.counts.damaged += archive.damaged
        if archive.truncated:
            self.trouble = "its end is missing"
        elif archive.damaged:
            self.trouble = f"damaged at {archive.damaged:,} places"

    def _file(self, stream: Ahead) -> list[Row]:
        body = bytearray()
        try:
            while len(body) <= MAX_PAGE and (more := stream.read()):
                body += more
        except Broken:
            self.counts.damaged += 1
            self.trouble = "damaged"
            return []
        if len(body) > MAX_PAGE:
            self.counts.too_large += 1
            self.trouble = f"larger than {MAX_PAGE // 1_000_000} MB"
            return []
        name = self.path.lower().removesuffix(".gz")
        if not body.strip() or (not name.endswith(NAMES) and not looks_like_html(bytes(body[:1024]))):
            self.counts.damaged += 1
            self.trouble = "neither WARC nor WAT nor HTML" if body.strip() else "empty"
            return []
        page = read_page(bytes(body), Answer(self.options.page), self.options.keep_empty)
        self.counts.add(page.counts)
        return page.rows


def read_record(record: Record, options: Options) -> tuple[Counts, list[Row]]:
    """What one record comes to: never an error."""
    try:
        if record.type == "metadata":
            return _metadata(record, options)
        if record.type == "response" and record.fields.get("content-type", "").lower().startswith("application/http"):
            head = http.head_of(record.block)
            media, start = head.media_type, record.block[head.length :]
            encoded = head.fields.get("content-encoding") or head.fields.get("transfer-encoding")
            if not 200 <= head.status < 300 or not _is_page(media, start, bool(encoded)):
                return Counts(skipped=1), []
            if not record.whole:
                return Counts(too_large=1), []
            body = http.body_of(head, record.block, MAX_PAGE)
            return _page(record, body, media, head.charset, head.fields.get("content-language"), options)
        media = record.fields.get("content-type", "").partition(";")[0].strip().lower()
        if record.type != "resource" or not _is_page(media, record.block, False):
            return Counts(skipped=1), []
        if not record.whole:
            return Counts(too_large=1), []
        return _page(record, record.block, media, None, None, options)
    except http.TooLarge:
        return Counts(too_large=1), []
    except http.Damaged:
        return Counts(damaged=1), []


def _metadata(record: Record, options: Options) -> tuple[Counts, list[Row]]:
    if not record.fields.get("content-type", "").lower().startswith("application/json"):
        return Counts(skipped=1), []
    if not record.whole:
        return Counts(too_large=1), []
    try:
        page = read_wat(record.block, options.keep_empty)
    except ValueError:
        return Counts(damaged=1), []
    return (page.counts, page.rows) if page is not None else (Counts(skipped=1), [])


def _page(
    record: Record, body: bytes, media: str, charset: str | None, language: str | None, options: Options
) -> tuple[Counts, list[Row]]:
    url = record.fields.get("warc-target-uri", "").strip("<> ")
    try:
        parse_url(url)
    except Refused:
        return Counts(skipped=1), []
    if not _is_page(media, body, False):
        return Counts(skipped=1), []
    page = read_page(body, Answer(url, charset, language), options.keep_empty)
    return page.counts, page.rows


def _is_page(media: str, body: bytes, encoded: bool) -> bool:
    """By its media type, and by its first bytes where that says nothing or what they contradict."""
    if media in HTML:
        return encoded or not body.startswith(PICTURES)
    return media in UNSAID and (encoded or looks_like_html(body[:1024]))


def looks_like_html(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n\f").lower()
    return start.startswith(BEGINNINGS) or b"<html" in start or head.startswith((b"\xff\xfe<\0", b"\xfe\xff\0<"))
