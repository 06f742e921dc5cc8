"""The language that a page says it is in: a hint, often wrong, never a measurement."""

import re
from collections.abc import Iterable

_PRIMARY = re.compile(r"\s*([A-Za-z]{2,3})(?=[-_,;\s]|$)")


def first_language(said: Iterable[str | None]) -> str | None:
    """The primary tag (BCP 47), lower-cased, of the first of these that has one: `pt-BR` and `pt_BR` are `pt`."""
    for text in said:
        match = _PRIMARY.match(text) if text else None
        if match:
            return match[1].lower()
    return None
