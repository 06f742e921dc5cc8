"""The items of one JSON array, one after another: a list of 100 GB is read with the memory of its largest item."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from curate.errors import InputError
from pipelines.inputs.lines import Counted

BLOCK = 1 << 20  # bytes read at once
MOST = 10_000_000  # characters of one item
_SPACE = re.compile(r"[ \t\n\r]*")
_AFTER = tuple(" \t\n\r,]")


def _number(digits: str) -> int | str:
    """Python refuses to make numbers of more digits than this; what they are here for is their text."""
    return int(digits) if len(digits) <= 4_300 else digits


DECODER = json.JSONDecoder(parse_int=_number)


def items(stream: Counted, path: str) -> Iterator[Any]:
    """Raises InputError at the first thing that is no JSON, and for anything but an array."""
    text = _Text(stream, path)
    if text.next() != "[":
        raise InputError(f"{path}: not a list of objects", '[{"url": ..., "caption": ...}, ...]')
    text.at += 1
    mark = text.next()
    while mark != "]":
        yield text.value()
        mark = text.next()
        if mark == ",":
            text.at += 1
            if text.next() == "]":
                raise text.error("a value is missing after a comma")
        elif mark != "]":
            raise text.error("a comma or ] is missing" if mark else "the text stops inside the list")
    text.at += 1
    if text.next():
        raise text.error("there is more after the list")


class _Text:
    """What of the text is in memory, and the place in it."""

    def __init__(self, stream: Counted, path: str) -> None:
        self._stream, self._path = stream, path
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._before = 0  # characters that were passed and let go of
        self._ended = False
        self._held = ""
        self.at = 0

    def next(self) -> str:
        """The next character that is no space, not taken; "" at the end."""
        while True:
            match = _SPACE.match(self._held, self.at)
            self.at = match.end() if match else self.at
            if self.at < len(self._held) or not self._more():
                return self._held[self.at : self.at + 1]

    def value(self) -> Any:
        size = BLOCK
        while True:
            try:
                found, end = DECODER.raw_decode(self._held, self.at)
                why = "a comma or ] is missing"
                if self._held[end : end + 1] in _AFTER:  # else "0." may go on as 0.5
                    self.at = end
                    return found
            except (ValueError, RecursionError) as error:
                why = f"not JSON ({getattr(error, 'msg', type(error).__name__)})"
            if len(self._held) - self.at > MOST:
                raise self.error(f"no item of at most {MOST:,} characters begins here: {why}")
            # An item that is cut is no different from a wrong one: read on, more each time.
            if not self._more(size):
                raise self.error(why)
            size *= 2

    def error(self, what: str) -> InputError:
        return InputError(
            f"{self._path}: at character {self._before + self.at:,}: {what}",
            "a list of objects, or one object per line as .jsonl",
        )

    def _more(self, size: int = 0) -> bool:
        if self._ended:
            return False
        self._before, self._held, self.at = self._before + self.at, self._held[self.at :], 0
        data = self._stream.read(max(size, BLOCK))
        self._ended = not data
        try:
            self._held += self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            raise self.error("not JSON (its text is not UTF-8)") from error
        return not self._ended
