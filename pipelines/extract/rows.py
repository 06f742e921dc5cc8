"""What a page comes to: rows of images, and counts that add up."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import pyarrow as pa

from curate.uid import content_uid
from pipelines.inputs.rows import clean

MAX_PAGE = 10_000_000  # bytes of a page; beyond it, nothing is parsed
MAX_TITLE = 1_000  # characters

COLUMNS = pa.schema(
    [
        ("url", pa.string()),
        ("caption", pa.string()),
        ("title", pa.string()),
        ("page", pa.string()),
        ("language", pa.string()),
    ]
)
KEY = "key"  # 16 bytes: the uid of (url, caption)
KEYED = COLUMNS.append(pa.field(KEY, pa.binary(16)))


class Row(NamedTuple):
    """An image with its alt-text; what is not known of its page is None."""

    url: str
    caption: str
    title: str | None
    page: str | None
    language: str | None


@dataclass
class Counts:
    """Records: `pages` were read, `skipped` hold no page. Images: all but `no_alt` and `bad_url` became rows."""

    pages: int = 0
    images: int = 0
    no_alt: int = 0
    bad_url: int = 0
    damaged: int = 0  # records
    too_large: int = 0  # records
    skipped: int = 0  # records

    def add(self, other: "Counts") -> None:
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name) + getattr(other, item.name))


@dataclass
class Page:
    """What every image of a page shares, and the rows that come of them.

    `link` turns a reference of the page into a URL, or None.
    """

    title: str | None
    page: str | None
    language: str | None
    link: Callable[[str], str | None]
    keep_empty: bool = False
    counts: Counts = field(default_factory=lambda: Counts(pages=1))
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.title = collapsed(self.title)[:MAX_TITLE] or None

    def image(self, reference: str | None, alt: str | None) -> None:
        self.counts.images += 1
        caption = clean(collapsed(alt)) or ""
        if not caption and not self.keep_empty:
            self.counts.no_alt += 1
            return
        url = self.link(reference) if reference else None
        if url is None:
            self.counts.bad_url += 1
            return
        self.rows.append(Row(url, caption, self.title, self.page, self.language))


def collapsed(text: str | None) -> str:
    """Without white space at its ends, and with one space where there was more."""
    return " ".join((clean(text) or "").split())


def keyed(rows: list[Row]) -> pa.Table:
    """A table of `KEYED`."""
    columns: list[list[object]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in COLUMNS]
    keys = [bytes.fromhex(content_uid(row.url, row.caption)) for row in rows]
    return pa.table([*columns, keys], schema=KEYED)
