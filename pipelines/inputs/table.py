"""Image tables: Parquet files with a column of image bytes, and captions as a string or a list of strings.

A caption of a list is a sample of its own; all samples of a row share one image.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

from curate import schema as c
from curate.errors import InputError
from pipelines.inputs import places
from pipelines.inputs.rows import asked, own_uid
from pipelines.recipe import Input

BYTES_FROM = "parquet:"  # TAR of such a row: where the ingest finds the bytes, OFFSET being the row


def sources(given: Input) -> list[str]:
    assert given.table is not None
    return places.expand(given.table, "image table")


def fingerprint(given: Input) -> tuple[object, ...]:
    columns = (given.image_column, given.caption_column, given.label_column, given.url_column)
    return (*columns, *(places.content(path) for path in sources(given)))


def read(given: Input) -> Iterator[dict[str, Any]]:
    for path in sources(given):
        file = places.open_parquet(path)
        names = file.schema_arrow.names
        if given.image_column not in names:
            raise InputError(
                f"{path}: no column {given.image_column!r}; there are {', '.join(map(repr, names[:20]))}",
                "set input.image_column in the recipe",
            )
        wanted = (given.caption_column, given.label_column, given.url_column, c.UID)
        columns = [name for name in dict.fromkeys(wanted) if name in names]
        yield from _rows(path, file, columns, given)


def _rows(path: str, file: pq.ParquetFile, columns: list[str], given: Input) -> Iterator[dict[str, Any]]:
    source, number = places.base_name(path), 0
    empty: Iterator[list[dict[str, Any]]] = ([{}] for _ in range(file.metadata.num_rows))
    batches = (b.to_pylist() for b in file.iter_batches(1000, columns=columns)) if columns else empty
    for batch in batches:
        for record in batch:
            captions = record.get(given.caption_column)
            label = record.get(given.label_column)
            for caption in captions if isinstance(captions, list) and captions else [captions]:
                yield asked(
                    source,
                    number,
                    record.get(given.url_column),
                    caption if not isinstance(caption, list) else None,
                    **{
                        c.UID: own_uid(record.get(c.UID), source, number),
                        c.LABEL: None if label is None else str(label),
                        c.TAR: f"{BYTES_FROM}{path}",
                        c.OFFSET: number,
                    },
                )
            number += 1
