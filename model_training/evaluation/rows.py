"""Evaluation items that are more than an image with its texts: the rows of Parquet tables with given columns."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from curate.errors import InputError
from model_training.evaluation.image_table import opened
from model_training.evaluation.items import Item, data_files

ROWS = 16  # read at a time: a row holds several image files


def read_rows(
    places: Sequence[str], columns: Sequence[str], perhaps: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """`FILE: row N` and the row, with `columns` and what there is of `perhaps`, in the order of the files.

    Raises InputError for a file that is missing, no Parquet or without one of the columns, and for no row at all.
    """
    empty = True
    for path in data_files(places):
        if os.path.splitext(path)[1] != ".parquet":
            raise InputError(f"{path}: not a .parquet", f"write a table with the columns {', '.join(columns)}")
        for number, record in enumerate(_records(path, columns, perhaps)):
            empty = False
            yield f"{path}: row {number}", record
    if empty:
        raise InputError(f"{', '.join(places)}: holds no row", "name a file with rows")


def _records(path: str, columns: Sequence[str], perhaps: Sequence[str]) -> Iterator[dict[str, Any]]:
    with opened(path) as file:
        names = file.schema_arrow.names
        lacking = [name for name in columns if name not in names]
        if lacking:
            there = ", ".join(map(repr, names[:20]))
            raise InputError(f"{path}: no column {lacking[0]!r}; there are {there}", f"it needs {', '.join(columns)}")
        for batch in file.iter_batches(ROWS, columns=[*columns, *(name for name in perhaps if name in names)]):
            yield from batch.to_pylist()


def image(value: Any, place: str) -> Item:
    """An image cell as an item: bytes, or Hugging Face datasets' struct of bytes and path."""
    data = value.get("bytes") if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise InputError(f"{place}: holds no image bytes", "an evaluation set must be whole: leave the row out")
    return Item(place, data, (), None)


def text(value: Any, place: str) -> str:
    """A cell that must be a text. Raises InputError for anything else, and for a blank one."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{place}: is {value!r}, not a text", "an evaluation set must be whole: leave the row out")
    return value
