"""Which URL of an `img` is its picture: real pages hide it from the browser until it is scrolled to.

The largest of `srcset` and `src`, as a browser on a very fine screen would choose. Where that is only a placeholder
(data:, a spacer, 1x1), what the lazy-loading scripts read; then what the `source`s of its `picture` offer, which come
last since the `img` is what every decoder can read.
"""

import re
from collections.abc import Mapping, Sequence

from pipelines.extract.srcset import Candidate, candidates, largest

# lazysizes, jQuery.lazyload, WordPress (Jetpack, a3, WP Rocket), Shopify, vanilla-lazyload, Unveil, Slick
LAZY_SETS = ("data-srcset", "data-lazy-srcset", "data-original-set", "data-bgset")
LAZY = (
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-original-src",
    "data-hi-res-src",
    "data-img-src",
    "data-full-src",
    "data-image",
    "data-echo",
    "data-url",
)
_INLINE = re.compile(r"\s*(?:#|$|(?:data|blob|about|javascript):)", re.IGNORECASE)
_TEMPLATE = re.compile(r"[{}]|%7B", re.IGNORECASE)  # a script fills it in
_SPACER = re.compile(
    r"(?:^|/)(?:s?blank|spacer|space|pixel|px|placeholder|transparent|trans|clear|empty|dummy|lazy|loading|loader|"
    r"gr[ae]y|white|1x1|1px|t)(?:[-_.](?:image|img|pixel|placeholder|load|\d+x\d+|\d+))*\.(?:gif|png|svg|jpe?g|webp)$",
    re.IGNORECASE,
)


def picture_of(attributes: Mapping[str, str], sources: Sequence[Mapping[str, str]] = ()) -> str | None:
    """The reference of an `img`'s picture; `sources` are those before it in its `picture`. None without any."""
    src = attributes.get("src", "")
    shown = _best(attributes.get("srcset"), src)
    if shown is not None and not _spacer(shown, attributes):
        return shown
    for attribute in (attributes, *sources):
        hidden = _lazy(attribute) if attribute is attributes else _offered(attribute)
        if hidden is not None:
            return hidden
    return shown or src or None


def _best(srcset: str | None, src: str = "") -> str | None:
    """As a browser: `src` is the candidate of density 1, unless the set has one or has widths."""
    choices = candidates(srcset) if srcset else []
    if src.strip() and all(c.width is None and c.density != 1 for c in choices):
        choices.append(Candidate(src, None, 1.0))
    return largest([c for c in choices if not _INLINE.match(c.url)])


def _lazy(attributes: Mapping[str, str]) -> str | None:
    for name in LAZY_SETS:
        found = _best(attributes.get(name))
        if found is not None and not _TEMPLATE.search(found):
            return found
    for name in LAZY:
        text = attributes.get(name, "")
        if not _INLINE.match(text) and not _TEMPLATE.search(text):
            return text
    return None


def _offered(source: Mapping[str, str]) -> str | None:
    found = _best(source.get("srcset"))
    return found if found is not None and not _SPACER.search(_path(found)) else _lazy(source)


def _spacer(reference: str, attributes: Mapping[str, str]) -> bool:
    if attributes.get("width", "").strip() in ("0", "1") and attributes.get("height", "").strip() in ("0", "1"):
        return True
    return _SPACER.search(_path(reference)) is not None


def _path(reference: str) -> str:
    return re.split(r"[?#]", reference.strip(), maxsplit=1)[0]
