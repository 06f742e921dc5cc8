"""Tables of proposed pairs, for a person to judge: written as Parquet or CSV, read back as Parquet, CSV or JSON.

A spreadsheet takes a cell that begins with =, +, -, @, a tab or a line end for a formula; such a text is written with
an apostrophe before it, as spreadsheets themselves hide one, and read without it.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.errors import InputError
from curate.files import parse_table, table_bytes

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
TRUE, FALSE = ("true", "yes", "1", "x"), ("false", "no", "0")
TEXTS = (c.UID, c.IMAGE_UID, c.ORIGIN, c.CAPTION, c.PROPOSED, c.EDITED, c.BY)
PROPOSED = (c.UID, c.IMAGE_UID, c.PROPOSED, c.ACCEPT, c.EDITED, c.BY)  # what every table that is written has
MOST_CELL = 1 << 20  # characters
KINDS = (".parquet", ".csv", ".json")


@dataclass(frozen=True)
class Verdict:
    """One row that is decided."""

    place: str  # file:row, for messages
    uid: str
    accept: bool
    edited: str  # empty: the proposed text stands
    by: str
    image_uid: str | None = None
    origin: str | None = None
    proposed: str | None = None


def table_of(rows: pl.DataFrame, name: str) -> bytes:
    """A table as the file `name` shall hold it; a CSV has no thumbnails."""
    if name.endswith(".parquet"):
        return table_bytes(rows.to_arrow())
    sink = io.StringIO()
    shown = [column for column in rows.columns if column != c.THUMBNAIL]
    writer = csv.writer(sink)  # lines end as in RFC 4180; a cell with either half of that end is quoted
    writer.writerow(shown)
    for row in rows.select(shown).iter_rows(named=True):
        writer.writerow([_cell(column, row[column]) for column in shown])
    return sink.getvalue().encode("utf-8-sig")  # a spreadsheet then knows that it is UTF-8


def _cell(column: str, value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return guarded(value) if column in TEXTS and isinstance(value, str) else value


def guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def read_verdicts(data: bytes, name: str) -> list[Verdict]:
    """The rows that are decided. Raises InputError for what is no such table, with the places of the first mistakes."""
    found, wrong = [], []
    seen: dict[str, str] = {}
    for place, row in _rows(data, name):
        try:
            verdict = _verdict(place, row)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
            continue
        uid = str(row.get(c.UID) or "")
        if uid in seen:
            wrong.append(f"{place}: the uid {uid} is at {seen[uid]} too; leave one of the two rows")
        seen[uid] = place
        if verdict is not None:
            found.append(verdict)
    refuse(wrong, "correct these rows of the table")
    return found


def refuse(wrong: Sequence[str], hint: str) -> None:
    """Raises InputError with the first few of these, if there are any."""
    if wrong:
        more = f"\n  and {len(wrong) - 5:,} more" if len(wrong) > 5 else ""
        raise InputError("\n  ".join(wrong[:5]) + more, hint)


def _verdict(place: str, row: dict[str, Any]) -> Verdict | None:
    """None where nobody has decided. Raises ValueError with what to write."""
    for column in TEXTS:
        if row.get(column) is not None and not isinstance(row[column], str):
            raise ValueError(f"{column} is {row[column]!r}; write a text")
        if not _whole(row.get(column) or ""):
            raise ValueError(f"{column} has half a character (a lone surrogate); write that text anew")
    uid, accept, edited = row.get(c.UID), _decision(row.get(c.ACCEPT)), (row.get(c.EDITED) or "").strip()
    if not uid:
        raise ValueError("no uid; leave that column as it was proposed")
    if accept is None:
        if edited:
            raise ValueError(f"{c.EDITED} has a text, and {c.ACCEPT} is empty; write true or false there")
        return None
    if row.get(c.ORIGIN) not in (None, "", c.WEB, c.SYNTHETIC):
        raise ValueError(f"{c.ORIGIN} is {row[c.ORIGIN]!r}; leave that column as it was proposed")
    by = row.get(c.BY) or c.PERSON
    if by not in (c.PERSON, c.MODEL):
        raise ValueError(f"{c.BY} is {by!r}; write {c.PERSON} or {c.MODEL}")
    if edited or not accept:
        by = c.PERSON  # a model pre-accepts and does nothing else
    texts = (row.get(column) or None for column in (c.IMAGE_UID, c.ORIGIN, c.PROPOSED))
    return Verdict(place, uid, accept, edited, by, *texts)


def _whole(text: str) -> bool:
    """JSON can spell what no file can hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _decision(value: Any) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if not word:
        return None
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError(f"{c.ACCEPT} is {str(value)[:40]!r}; write true or false, or leave it empty")


def _rows(data: bytes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, row) of a table. Raises InputError for what cannot be read or has no column uid and accept."""
    kind = PurePosixPath(name).suffix.lower()
    if kind not in KINDS:
        raise InputError(f"{name}: not a {', '.join(KINDS)}", "give the table that was proposed, or the page's export")
    try:
        yield from {".parquet": _of_parquet, ".csv": _of_csv, ".json": _of_json}[kind](data, name)
    except (pa.ArrowException, OSError, OverflowError, ValueError, csv.Error, RecursionError) as error:
        raise InputError(f"{name}: not readable as {kind[1:]} ({error})", "save or export the table again") from error


def _of_parquet(data: bytes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    names = pq.read_schema(pa.BufferReader(data)).names
    _needed(names, name)
    wanted = [column for column in (*TEXTS, c.ACCEPT) if column in names]
    for number, row in enumerate(parse_table(data, wanted).to_pylist(), start=1):
        yield f"{name}:{number}", row


def _of_csv(data: bytes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    before = csv.field_size_limit(MOST_CELL)
    try:
        reader = _table(data)
        _needed(reader.fieldnames or [], name)
        for row in reader:
            cells = {column: unguarded(row[column] or "") or None for column in row if column in (*TEXTS, c.ACCEPT)}
            yield f"{name}:{reader.line_num}", cells
    finally:
        csv.field_size_limit(before)


def _table(data: bytes) -> "csv.DictReader[str]":
    text = data.decode("utf-8-sig")
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)  # a spreadsheet writes its country's
    return csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=separator)


def _of_json(data: bytes, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    rows = json.loads(data)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{name}: not a list of objects", "export it from the page again")
    _needed(rows[0] if rows else [c.UID, c.ACCEPT], name)
    for number, row in enumerate(rows, start=1):
        yield f"{name}:{number}", row


def is_proposed(data: bytes, name: str) -> bool:
    """Is it a table as `table_of` writes them, filled in or not?"""
    try:
        _needed(_names(data, name), name, PROPOSED)
    except (InputError, pa.ArrowException, OSError, ValueError, csv.Error):
        return False
    return True


def _names(data: bytes, name: str) -> Sequence[str]:
    if name.endswith(".parquet"):
        return [str(column) for column in pq.read_schema(pa.BufferReader(data)).names]
    return _table(data).fieldnames or []


def _needed(names: Any, name: str, columns: Sequence[str] = (c.UID, c.ACCEPT)) -> None:
    lacking = [column for column in columns if column not in names]
    if lacking:
        raise InputError(f"{name}: no column {lacking[0]!r}", "give the table that was proposed, with its columns")
