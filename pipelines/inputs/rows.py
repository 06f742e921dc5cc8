"""Rows of `schema.INPUT`, and the stated rule by which text from anywhere becomes text that can be stored.

NUL characters and lone surrogates become U+FFFD, bytes are read as UTF-8, and a text ends after 10,000 characters.
A URL loses the user name and password that it may have: no file of a run holds them. Nothing else is changed.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeGuard

import pyarrow as pa

from curate import schema as c
from curate.errors import InputError

MAX_TEXT = 10_000
BATCH = 1_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SHA256 = re.compile("[0-9a-f]{64}")
_UID = re.compile("[0-9a-f]{32}")


def clean(text: object) -> str | None:
    """A storable string, or None for nothing. Bytes are read as UTF-8."""
    if text is None or (isinstance(text, float) and text != text):
        return None
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    return _UNSTORABLE.sub("\ufffd", str(text))[:MAX_TEXT]


# As a browser reads it: the authority ends at the first slash, backslash, question mark or hash.
USER_INFO = r"^(\s*[A-Za-z][A-Za-z0-9+.-]*:[/\\]{2,})[^/\\?#]*@"


def without_user(url: str | None) -> str | None:
    """The URL without the user name and password in it."""
    return re.sub(USER_INFO, r"\1", url) if url else url


def asked(source: str, row: int, url: object, caption: object, **more: Any) -> dict[str, Any]:
    """One row that is asked for. A row without a url, where one is needed, is for the caller to mark."""
    return {
        c.SOURCE: source,
        c.ROW: row,
        c.URL: without_user(clean(url)),
        c.CAPTION: clean(caption),
        **more,
    }


def bad(source: str, row: int, why: str, caption: object = None) -> dict[str, Any]:
    """A line that could not be read."""
    return {
        c.SOURCE: source,
        c.ROW: row,
        c.CAPTION: clean(caption),
        c.OUTCOME: str(c.Outcome.BAD_ROW),
        c.ERROR_MESSAGE: clean(why),
    }


def original(about: dict[str, Any]) -> dict[str, Any]:
    """What a record knows of the image before it was stored; a half or odd record knows nothing."""
    width, height, digest = about.get(c.ORIGINAL_WIDTH), about.get(c.ORIGINAL_HEIGHT), about.get(c.SHA256)
    found: dict[str, Any] = {}
    if all(isinstance(side, int | float) and 0 < side < 2**31 for side in (width, height)):
        found = {c.ORIGINAL_WIDTH: int(width), c.ORIGINAL_HEIGHT: int(height)}  # type: ignore[arg-type]
    if isinstance(digest, str) and _SHA256.fullmatch(digest):
        found[c.SHA256] = digest
    return found


def is_uid(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and _UID.fullmatch(value) is not None


def own_uid(value: object, source: str, row: int) -> str | None:
    """The input's own uid, kept when it is one."""
    if value is None:
        return None
    if not is_uid(value):
        raise InputError(
            f"{source}, row {row}: the column uid holds {value!r}, not 32 hex digits",
            "rename the column; uids are then made from url and caption",
        )
    return value


def tables(rows: Iterable[dict[str, Any]]) -> Iterator[pa.Table]:
    """Rows in batches, by the declared schema."""
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield pa.Table.from_pylist(batch, schema=c.INPUT)
            batch = []
    if batch:
        yield pa.Table.from_pylist(batch, schema=c.INPUT)
