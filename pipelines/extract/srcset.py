"""The candidates of a `srcset`, parsed as the HTML standard says (4.8.4.2.2, "parsing a srcset attribute").

A comma inside a URL belongs to it; one at its end, or after its descriptors, ends the candidate. A candidate with a
descriptor that is none is left out, and so is one whose descriptors contradict each other.
"""

import re
from typing import NamedTuple

MOST = 1 << 16  # characters that are read of one attribute
_SPACE = " \t\n\f\r"
_SKIP = re.compile(r"[ \t\n\f\r,]*")
_URL = re.compile(r"[^ \t\n\f\r]*")
_WIDTH = re.compile(r"[0-9]+")
_DENSITY = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?")


class Candidate(NamedTuple):
    """`width` in px from a w descriptor, else None; `density` of an x descriptor, 1 without any."""

    url: str
    width: int | None
    density: float


def candidates(text: str) -> list[Candidate]:
    found: list[Candidate] = []
    text, at = text[:MOST], 0
    while True:
        at = _end(_SKIP, text, at)
        if at >= len(text):
            return found
        start, at = at, _end(_URL, text, at)
        url = text[start:at]
        descriptors: list[str] = []
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            descriptors, at = _descriptors(text, at)
        made = _candidate(url, descriptors)
        if made is not None:
            found.append(made)


def largest(choices: list[Candidate]) -> str | None:
    """The URL with the largest width; without widths the densest. Of equals the first."""
    if not choices:
        return None
    return max(choices, key=lambda c: (c.width is not None, c.width or 0, c.density)).url


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _descriptors(text: str, at: int) -> tuple[list[str], int]:
    """The words up to the comma that ends the candidate; spaces and commas in parentheses are part of a word."""
    words, start, depth = [], at, 0
    while at < len(text):
        letter = text[at]
        if depth:
            depth -= letter == ")"
        elif letter == "(":
            depth = 1
        elif letter == "," or letter in _SPACE:
            words.append(text[start:at])
            start = at + 1
            if letter == ",":
                return [word for word in words if word], at + 1
        at += 1
    words.append(text[start:])
    return [word for word in words if word], at


def _candidate(url: str, descriptors: list[str]) -> Candidate | None:
    width: int | None = None
    density: float | None = None
    height = False
    for word in descriptors:
        value, kind = word[:-1], word[-1]
        if kind == "w" and _WIDTH.fullmatch(value) and width is None and density is None and len(value) < 10:
            width = int(value)
            if not width:
                return None
        elif kind == "x" and _DENSITY.fullmatch(value) and width is None and density is None and not height:
            density = float(value)
        elif kind == "h" and _WIDTH.fullmatch(value) and not height and density is None and value.strip("0"):
            height = True
        else:
            return None
    if height and width is None:
        return None
    return Candidate(url, width, 1.0 if density is None else density)
