"""Evaluation images in a Parquet table: `jpg` (bytes), `caption` and `label` (each one, or a list of them)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.errors import InputError
from curate.files import open_parquet

IMAGE = "jpg"
ROWS = 64  # read at a time: a row holds a whole image file

Label = str | tuple[str, ...] | None  # one class, or the several that an image shows
Sample = tuple[str, bytes, tuple[str, ...], Label]  # where in the file, image, texts, label


def samples(path: str) -> Iterator[Sample]:
    """The rows of a table, in order; a row's place is `row N`, from 0.

    A null caption is no text; a label that is a whole number becomes its decimal digits.
    Raises InputError for a file that is no Parquet, for a missing image column and for a row without image bytes.
    """
    with opened(path) as file:
        names = file.schema_arrow.names
        if IMAGE not in names:
            raise InputError(
                f"{path}: no column {IMAGE!r}; there are {', '.join(map(repr, names[:20]))}",
                f"write the image files' bytes into a column {IMAGE!r}",
            )
        columns = [name for name in (IMAGE, c.CAPTION, c.LABEL) if name in names]
        number = 0
        for batch in file.iter_batches(ROWS, columns=columns):
            for record in batch.to_pylist():
                yield _sample(f"row {number}", path, record)
                number += 1


@contextmanager
def opened(path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file for as long as it is read. Raises InputError for what Arrow cannot read or Python cannot hold.

    Text that is not UTF-8 and times beyond year 9999 are stored by Arrow without a word: Python's objects refuse them.
    """
    try:
        with open_parquet(path) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not readable as Parquet ({error})", "write the file anew") from error


def _sample(row: str, path: str, record: dict[str, Any]) -> Sample:
    image, label = record[IMAGE], record.get(c.LABEL)
    if not isinstance(image, bytes):
        raise InputError(
            f"{path}: {row}: {IMAGE!r} holds no image bytes", "an evaluation set must be whole: leave the row out"
        )
    captions = record.get(c.CAPTION)
    listed = captions if isinstance(captions, list) else [captions]
    labels = label if isinstance(label, list) else [label]
    for value, column in [*((text, c.CAPTION) for text in listed), *((one, c.LABEL) for one in labels)]:
        allowed = (str, int) if column == c.LABEL else str
        if value is not None and (not isinstance(value, allowed) or isinstance(value, bool)):
            raise InputError(
                f"{path}: {row}: {column!r} is {value!r}",
                "a caption is a text or a list of texts, a label a text or a whole number, or a list of them",
            )
    return row, image, tuple(text for text in listed if text is not None), as_label(label)


def as_label(given: Any) -> Label:
    """A label as it is compared: numbers as their decimal digits, a list as a tuple without its nulls."""
    if isinstance(given, list):
        return tuple(str(one) for one in given if one is not None)
    return None if given is None else str(given)
