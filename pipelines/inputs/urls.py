"""URL lists: txt, csv, tsv, json, jsonl and parquet, each also gzipped, read as streams with a declared schema."""

import io
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from pipelines.inputs import places
from pipelines.inputs.rows import asked, bad, clean, own_uid
from pipelines.inputs.separated import records
from pipelines.recipe import Input


def sources(given: Input) -> list[str]:
    assert given.urls is not None
    return places.expand(given.urls, "URL list")


def columns(given: Input) -> tuple[str, ...]:
    return given.url_column, given.caption_column, given.label_column


def read(given: Input) -> Iterator[dict[str, Any]]:
    for source, path in places.named(sources(given)):
        kind = path.removesuffix(".gz").rpartition(".")[2].lower()
        reader = READERS.get(kind)
        if reader is None:
            raise InputError(f"{path}: unknown kind of list", f"one of: {', '.join(sorted(READERS))}, or .gz of it")
        with places.open_bytes(path) as stream:
            try:
                for number, record in reader(stream, given, path):
                    yield _row(source, number, record, given)
            except (OSError, EOFError, pa.ArrowException) as error:
                raise InputError(f"{path}: unreadable ({error})", "write the list anew, or take it off") from error


def _row(source: str, number: int, record: dict[str, Any] | str, given: Input) -> dict[str, Any]:
    """`record` is a mapping, or the reason why there is none."""
    if isinstance(record, str):
        return bad(source, number, record)
    url = (clean(record.get(given.url_column)) or "").strip()
    caption = record.get(given.caption_column)
    if not url:
        return bad(source, number, f"row {number}: no url", caption)
    uid = own_uid(record.get(c.UID), source, number)
    return asked(source, number, url, caption, **{c.UID: uid, c.LABEL: clean(record.get(given.label_column))})


Records = Iterator[tuple[int, dict[str, Any] | str]]


def _text(stream: IO[bytes]) -> io.TextIOWrapper:
    # A byte that is not UTF-8 becomes a lone surrogate, by which its line is told.
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _undecodable(text: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _txt(stream: IO[bytes], given: Input, path: str) -> Records:
    for number, line in enumerate(_text(stream)):
        url = line.strip()
        if _undecodable(url):
            yield number, f"line {number + 1}: not UTF-8"
        elif url:
            yield number, {given.url_column: url}


def _separated(separator: str) -> Callable[[IO[bytes], Input, str], Records]:
    def read_separated(stream: IO[bytes], given: Input, path: str) -> Records:
        lines = records(_text(stream), separator)
        header = next(lines, None)
        if header is None:
            return
        if isinstance(header.fields, str):
            raise InputError(f"{path}: line {header.line}, the header: {header.fields}", "write the list anew")
        _require(given.url_column, header.fields, path)
        for number, (line, fields) in enumerate(lines):
            if isinstance(fields, str):
                yield number, f"line {line}: {fields}"
            elif len(fields) != len(header.fields):
                yield number, f"line {line}: {len(fields)} fields, not {len(header.fields)}"
            elif any(map(_undecodable, fields)):
                yield number, f"line {line}: not UTF-8"
            else:
                yield number, dict(zip(header.fields, fields, strict=True))

    return read_separated


def _jsonl(stream: IO[bytes], given: Input, path: str) -> Records:
    for number, line in enumerate(stream):
        if line.strip():
            yield number, _object(line, f"line {number + 1}")


def _object(line: bytes, place: str) -> dict[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"{place}: not JSON ({error})"
    return record if isinstance(record, dict) else f"{place}: not an object"


def _json(stream: IO[bytes], given: Input, path: str) -> Records:
    try:
        data = json.load(stream)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path}: not JSON ({error})", "a list of objects, or one object per line as .jsonl"
        ) from error
    if not isinstance(data, list):
        raise InputError(f"{path}: not a list of objects", '[{"url": ..., "caption": ...}, ...]')
    for number, record in enumerate(data):
        yield number, record if isinstance(record, dict) else f"item {number}: not an object"


def _parquet(stream: IO[bytes], given: Input, path: str) -> Records:
    file = places.open_parquet(path)
    names = file.schema_arrow.names
    _require(given.url_column, names, path)
    known = (given.url_column, given.caption_column, given.label_column, c.UID)
    number = 0
    for batch in file.iter_batches(batch_size=1000, columns=[n for n in dict.fromkeys(known) if n in names]):
        for record in batch.to_pylist():
            yield number, record
            number += 1


def _require(column: str, names: list[str], path: str) -> None:
    if column not in names:
        raise InputError(
            f"{path}: no column {column!r}; there are {', '.join(map(repr, names[:20]))}",
            "set input.url_column (and caption_column) in the recipe",
        )


READERS: dict[str, Callable[[IO[bytes], Input, str], Records]] = {
    "txt": _txt,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
