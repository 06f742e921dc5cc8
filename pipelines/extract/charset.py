"""The text of a page. What says its encoding, in the order of the HTML standard: a byte order mark, the HTTP header,
a `meta` near its beginning, else UTF-8. Labels mean what the Encoding standard says (`latin1` is windows-1252)."""

import re

import webencodings

_NEAR = 16_384  # bytes; the standard's 1,024 are fewer than what real pages have before their meta
_META = re.compile(rb"<meta\s[^>]{0,512}?charset\s*=\s*[\"']?\s*([\w:.-]{1,40})", re.IGNORECASE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_OTHERS = {"utf-16le": "utf-8", "utf-16be": "utf-8", "x-user-defined": "windows-1252"}  # a meta cannot mean these


def decoded(body: bytes, http_charset: str | None) -> tuple[str, str]:
    """(text, encoding's name). Bytes that mean nothing become U+FFFD."""
    encoding = _known(http_charset) or _declared(body) or webencodings.UTF8
    # A byte order mark goes before what is passed here.
    text, used = webencodings.decode(body, encoding, errors="replace")
    return text, used.name


def _known(label: str | None) -> webencodings.Encoding | None:
    return webencodings.lookup(label.strip(" \t\"'")) if label else None


def _declared(body: bytes) -> webencodings.Encoding | None:
    for match in _META.finditer(_COMMENT.sub(b"", body[:_NEAR])):
        found = _known(match[1].decode("ascii", "replace"))
        if found is not None:
            return webencodings.lookup(_OTHERS.get(found.name, found.name))
    return None
