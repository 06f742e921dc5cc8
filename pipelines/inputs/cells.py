"""Columns of cells from anywhere as columns of `schema.INPUT`, whole columns at a time.

The rule is that of `rows.clean`. Arrow applies it where nothing is odd; a column with something odd in it goes
through `clean` cell by cell.
"""

from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from curate.errors import InputError
from pipelines.inputs.rows import MAX_TEXT, clean

Cells: TypeAlias = "list[Any] | pa.Array"


def text(cells: Cells) -> pa.Array:
    """Storable strings, null for nothing."""
    try:
        found = pa.array(cells, pa.string()) if isinstance(cells, list) else _strings(cells)
    except (pa.ArrowException, ValueError, TypeError):  # a lone surrogate, a number, bytes that are not UTF-8
        return pa.array([clean(cell) for cell in _objects(cells)], pa.string())
    if pc.any(pc.match_substring(found, "\0")).as_py():
        found = pc.replace_substring(found, "\0", "\ufffd")
    # A character is at least a byte: most columns are short enough without being counted.
    if (pc.max(pc.binary_length(found)).as_py() or 0) > MAX_TEXT:
        found = pc.utf8_slice_codeunits(found, 0, MAX_TEXT)
    return found.cast(pa.string())


def _strings(cells: pa.Array) -> pa.Array:
    """Raises ArrowException for bytes that are not UTF-8 and for what is not written as Python writes it."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        return _strings(cells.dictionary_decode())
    if pa.types.is_null(kind) or pa.types.is_integer(kind):
        return cells.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        cells.validate(full=True)
        return cells
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return cells.cast(pa.large_binary()).cast(pa.large_string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return cells.cast(pa.large_binary()).cast(pa.large_string())
    raise pa.ArrowInvalid(f"no text: {kind}")


def _objects(cells: Cells) -> list[Any]:
    if isinstance(cells, list):
        return cells
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if pa.types.is_string(cells.type) or pa.types.is_string_view(cells.type):
        cells = cells.cast(pa.binary())  # Arrow gives no string of bytes that are not UTF-8
    elif pa.types.is_large_string(cells.type):
        cells = cells.cast(pa.large_binary())
    return list(cells.to_pylist())


def uids(cells: Cells, place: str, rows: Sequence[int]) -> pa.Array:
    """The input's own uids. Raises InputError for one that is none, naming its row."""
    found = text(cells)
    found = pc.if_else(pc.equal(found, ""), None, found)  # an empty cell of a csv
    right = pc.match_substring_regex(found, "^[0-9a-f]{32}$")
    if pc.any(pc.invert(right)).as_py():
        _refuse(found, right, place, rows, "uid", "32 hex digits", "rename the column; uids are made from url and text")
    return found


def sha256s(cells: Cells, place: str, rows: Sequence[int], column: str, named: bool) -> pa.Array:
    """Lower-case sha256s, null for an empty cell. What is none is null too, or an InputError if the column is `named`:
    a column that merely happens to be called so may hold anything."""
    found = pc.ascii_lower(pc.utf8_trim_whitespace(text(cells)))
    found = pc.if_else(pc.equal(found, ""), None, found)
    right = pc.match_substring_regex(found, "^[0-9a-f]{64}$")
    if named and pc.any(pc.invert(right)).as_py():
        _refuse(found, right, place, rows, column, "64 hex digits", "set input.hash_column, or empty the cell")
    return pc.if_else(right, found, None)


def _refuse(
    found: pa.Array, right: pa.Array, place: str, rows: Sequence[int], column: str, what: str, hint: str
) -> NoReturn:
    index = right.to_pylist().index(False)
    shown = repr(found[index].as_py()[:80])
    raise InputError(f"{place}, row {rows[index]}: the column {column} holds {shown}, not {what}", hint)
