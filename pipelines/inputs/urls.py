"""URL lists: txt, csv, tsv, json, jsonl and parquet, each also gzipped, read as streams with a declared schema.

A list goes through in columns, block by block, so that neither its length nor that of one line counts.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from curate import schema as c
from curate.errors import InputError
from pipelines.inputs import cells, places
from pipelines.inputs.header import Header
from pipelines.inputs.json_items import DECODER, items
from pipelines.inputs.lines import MOST, Counted, byte_lines, text_lines, undecodable
from pipelines.inputs.rows import USER_INFO, clean
from pipelines.inputs.separated import records
from pipelines.recipe import Input

BATCH = 5_000  # rows
BATCH_BYTES = 64_000_000  # of a table's text, about

Rows = Iterator[tuple[int, int, Any]]  # row, its line or item, and a record, or a string: why there is none


class Block(NamedTuple):
    """Columns of some rows. `places` are their lines, items or rows, `place` says which; `wrong` is by index."""

    rows: Sequence[int]
    place: str
    places: Sequence[int]
    columns: dict[str, cells.Cells]
    wrong: dict[int, str]


def sources(given: Input) -> list[str]:
    assert given.urls is not None
    return places.expand(given.urls, "URL list")


def columns(given: Input) -> tuple[str, ...]:
    return given.url_column, given.caption_column, given.label_column, given.hash_column


def read(given: Input) -> Iterator[dict[str, Any]]:
    for table in read_tables(given):
        yield from table.to_pylist()


def read_tables(given: Input) -> Iterator[pa.Table]:
    """Tables of `schema.INPUT`, of at most 5,000 rows each, in the order of the files and of their rows."""
    header = Header(given)
    for source, path in places.named(sources(given)):
        kind = path.removesuffix(".gz").rpartition(".")[2].lower()
        reader = READERS.get(kind)
        if reader is None:
            raise InputError(f"{path}: unknown kind of list", f"one of: {', '.join(sorted(READERS))}, or .gz of it")
        try:
            for block in reader(header, path):
                yield _table(source, block, given)
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            raise InputError(f"{path}: unreadable ({error})", "write the list anew, or take it off") from error
        header.end(path)


def _table(source: str, block: Block, given: Input) -> pa.Table:
    rows, _, _, found, problems = block
    size, null = len(rows), pa.nulls(len(rows), pa.string())
    made = {name: cells.text(column) for name, column in found.items() if name not in (c.UID, c.SHA256)}
    url = pc.replace_substring_regex(pc.utf8_trim_whitespace(made.get(c.URL, null)), USER_INFO, r"\1")
    for index in pc.indices_nonzero(pc.fill_null(pc.equal(url, ""), True)).to_pylist():
        problems.setdefault(index, f"{block.place} {block.places[index]}: no url")
    made[c.URL] = url
    if c.UID in found:
        made[c.UID] = cells.uids(found[c.UID], source, rows)
    if c.SHA256 in found:
        named = given.hash_column != c.SHA256
        made[c.SHA256] = cells.sha256s(found[c.SHA256], source, rows, given.hash_column, named)
    if problems:
        why = [problems.get(index) for index in range(size)]
        made[c.ERROR_MESSAGE] = cells.text(why)
        bad = pc.is_valid(made[c.ERROR_MESSAGE])
        made[c.OUTCOME] = pc.if_else(bad, str(c.Outcome.BAD_ROW), pa.scalar(None, pa.string()))
        for name in (c.URL, c.UID, c.LABEL, c.SHA256):
            if name in made:
                made[name] = pc.if_else(bad, pa.scalar(None, pa.string()), made[name])
    made[c.SOURCE] = pa.repeat(clean(source), size)
    made[c.ROW] = pa.array(rows, pa.int64())
    return pa.table([made.get(field.name, pa.nulls(size, field.type)) for field in c.INPUT], schema=c.INPUT)


def _blocks(
    stream: Counted, rows: Rows, place: str, pick: Callable[[list[Any]], dict[str, cells.Cells]], nothing: Any
) -> Iterator[Block]:
    """`pick` makes columns of records; `nothing` is the record that stands for a bad line."""
    while taken := list(_taken(stream, rows)):
        numbers, places, records = map(list, zip(*taken, strict=True))
        wrong = {i: record for i, record in enumerate(records) if isinstance(record, str)}
        for index in wrong:
            records[index] = nothing
        yield Block(numbers, place, places, pick(records), wrong)


def _taken(stream: Counted, rows: Rows) -> Rows:
    """The rows of one table: not too many, and not of too many bytes."""
    most = stream.count + BATCH_BYTES
    for row in islice(rows, BATCH):
        yield row
        if stream.count > most:
            return


def _txt(header: Header, path: str) -> Iterator[Block]:
    def rows(stream: Counted) -> Rows:
        for number, line in enumerate(text_lines(stream, path)):
            url = line.strip()
            if len(line) > MOST:
                yield number, number + 1, f"line {number + 1}: longer than {MOST:,} bytes"
            elif undecodable(url):
                yield number, number + 1, f"line {number + 1}: not UTF-8"
            elif url:
                yield number, number + 1, (url,)

    with Counted(places.open_bytes(path)) as stream:
        yield from _blocks(stream, rows(stream), "line", lambda kept: {c.URL: [url for (url,) in kept]}, (None,))


def _separated(separator: str) -> Callable[[Header, str], Iterator[Block]]:
    def read_separated(header: Header, path: str) -> Iterator[Block]:
        with Counted(places.open_bytes(path)) as stream:
            lines = records(text_lines(stream, path), separator)
            first = next(lines, None)
            if first is None:
                return
            if isinstance(first.fields, str):
                raise InputError(f"{path}: line {first.line}, the header: {first.fields}", "write the list anew")
            at = {role: first.fields.index(name) for role, name in header.of(first.fields, path).items()}
            width = len(first.fields)
            rows = ((i, line, _row(line, fields, width)) for i, (line, fields) in enumerate(lines))
            yield from _blocks(
                stream,
                rows,
                "line",
                lambda kept: {role: [record[place] for record in kept] for role, place in at.items()},
                [None] * width,
            )

    return read_separated


def _row(line: int, fields: list[str] | str, width: int) -> list[str] | str:
    if isinstance(fields, str):
        return f"line {line}: {fields}"
    if len(fields) != width:
        return f"line {line}: {len(fields)} fields, not {width}"
    return f"line {line}: not UTF-8" if any(map(undecodable, fields)) else fields


def _jsonl(header: Header, path: str) -> Iterator[Block]:
    def rows(stream: Counted) -> Rows:
        for number, line in enumerate(byte_lines(stream, path)):
            if len(line) > MOST:
                yield number, number + 1, f"line {number + 1}: longer than {MOST:,} bytes"
            elif line and not line.isspace():
                yield number, number + 1, _object(line, f"line {number + 1}")

    with Counted(places.open_bytes(path)) as stream:
        yield from _blocks(stream, rows(stream), "line", header.of_objects, {})


def _object(line: bytes, place: str) -> dict[str, Any] | str:
    try:
        record = DECODER.decode(line.decode(json.detect_encoding(line), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        return f"{place}: not JSON ({error})"
    return record if isinstance(record, dict) else f"{place}: not an object"


def _json(header: Header, path: str) -> Iterator[Block]:
    with Counted(places.open_bytes(path)) as stream:
        rows = (
            (number, number, record if isinstance(record, dict) else f"item {number}: not an object")
            for number, record in enumerate(items(stream, path))
        )
        yield from _blocks(stream, rows, "item", header.of_objects, {})


def _parquet(header: Header, path: str) -> Iterator[Block]:
    file = places.open_parquet(path)
    wanted = header.of(file.schema_arrow.names, path)
    size = places.row_bytes(file, list(wanted.values()))
    first = 0
    for batch in file.iter_batches(
        max(1, min(BATCH, BATCH_BYTES // size)), columns=list(dict.fromkeys(wanted.values()))
    ):
        rows = range(first, first + batch.num_rows)
        yield Block(rows, "row", rows, {role: batch.column(name) for role, name in wanted.items()}, {})
        first = rows.stop


READERS: dict[str, Callable[[Header, str], Iterator[Block]]] = {
    "txt": _txt,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
