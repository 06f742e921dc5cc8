"""The images of a WAT record: the JSON that Common Crawl writes about a page (as cc2dataset reads it).

Only `IMG@/src` and its alt-text are in it: no srcset and no lazy-loading attributes, as there are in the page itself.
"""

import json
from html import unescape
from typing import Any

from pipelines.extract.language import first_language
from pipelines.extract.link import resolve
from pipelines.extract.rows import Page

LINK = "IMG@/src"


def read_wat(block: bytes, keep_empty: bool = False) -> Page | None:
    """The rows of a page; None when the record is about something else. Raises ValueError for what is no JSON."""
    try:
        envelope = _at(json.loads(block), "Envelope")
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    answer = _at(envelope, "Payload-Metadata", "HTTP-Response-Metadata")
    page, html = _at(answer, "HTML-Metadata"), _at(envelope, "WARC-Header-Metadata")
    if not isinstance(page, dict):
        return None
    url = _text(_at(html, "WARC-Target-URI"))
    whole = resolve(None, url) if url else None
    head = _at(page, "Head")
    base = _text(_at(head, "Base"))
    base = (resolve(whole, base) if base else None) or whole
    made = Page(
        unescape(_text(_at(head, "Title")) or ""),
        url,
        _language(head, _at(answer, "Headers")),
        lambda reference: resolve(base, reference),
        keep_empty,
    )
    links = _at(page, "Links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("path") == LINK:
            # Values are as they were written in the page. In a URL only &amp; is sure to be an escape.
            source = (_text(link.get("url")) or "").replace("&amp;", "&")
            made.image(source, unescape(_text(link.get("alt")) or ""))
    return made


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _language(head: Any, headers: Any) -> str | None:
    said: dict[str, str] = {}
    metas = _at(head, "Metas")
    for meta in metas if isinstance(metas, list) else ():
        content = _text(_at(meta, "content"))
        for key in ("http-equiv", "property", "name"):
            name = (_text(_at(meta, key)) or "").lower()
            if content:
                said.setdefault(name, content)
    header = next((v for k, v in headers.items() if k.lower() == "content-language"), None) if _is(headers) else None
    return first_language([said.get("content-language"), said.get("og:locale"), _text(header)])


def _is(value: Any) -> bool:
    return isinstance(value, dict)
