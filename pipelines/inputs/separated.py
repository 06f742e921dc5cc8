"""CSV and TSV, of which no line takes the following ones with it.

A field in quotes may hold line ends. The web's lists are full of quotes that are never closed, and a plain reader
then takes the rest of the file for one field. So a record of several lines counts only if it is written strictly
and has as many fields as the first record; else its first line is bad and reading goes on at the next one.
"""

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from pipelines.inputs.lines import MOST

MOST_LINES = 100  # of one record
_END = "\n"  # put after the last line: a reader that takes it is still inside quotes

csv.field_size_limit(MOST)


class Record(NamedTuple):
    line: int  # where it begins, from 1
    fields: list[str] | str  # or what is wrong with the line


def records(lines: Iterator[str], separator: str) -> Iterator[Record]:
    """The records of a text whose lines keep their ends. Empty lines are passed over."""
    ahead: deque[str] = deque()
    line, width = 1, None
    fields: list[str] | str
    while (text := ahead.popleft() if ahead else next(lines, None)) is not None:
        taken = 1
        if len(text) > MOST:
            fields = f"longer than {MOST:,} bytes"
        elif '"' not in text:
            fields = _plain(text, separator)
        else:
            ahead.appendleft(text)
            taken, fields = _quoted(ahead, lines, separator, width)
            for _ in range(taken):
                ahead.popleft()
        if fields:
            yield Record(line, fields)
            width = width or (len(fields) if isinstance(fields, list) else None)
        line += taken


def _plain(line: str, separator: str) -> list[str]:
    """A line without quotes, of which there are most."""
    line = line.rstrip("\r\n")
    return line.split(separator) if line else []


def _quoted(ahead: deque[str], lines: Iterator[str], separator: str, width: int | None) -> tuple[int, list[str] | str]:
    """How many lines the record takes, and its fields or what is wrong with its first line."""

    def feed() -> Iterator[str]:
        total = 0
        for number in range(MOST_LINES):
            if number == len(ahead):
                ahead.extend(islice(lines, 1))
            if number == len(ahead) or total > MOST:
                break
            total += len(ahead[number])
            yield ahead[number]
        yield _END

    try:
        reader = csv.reader((ahead[0], _END), delimiter=separator)
        fields = next(reader)
        if reader.line_num > 1:
            reader = csv.reader(feed(), delimiter=separator)
            fields = next(reader)
    except csv.Error as error:
        return 1, f"not readable ({error})"
    taken = reader.line_num
    if taken == 1:
        return 1, fields
    if taken <= min(len(ahead), MOST_LINES) and _strict(list(ahead)[:taken], separator, width):
        return taken, fields
    return 1, "a quote is opened and not closed as it should be"


def _strict(lines: list[str], separator: str, width: int | None) -> bool:
    try:
        fields = next(csv.reader(lines, delimiter=separator, strict=True))
    except csv.Error:
        return False
    return width is None or len(fields) == width
