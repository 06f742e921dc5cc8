"""Image tables: Parquet files with a column of image bytes, and captions as a string or a list of strings.

A caption of a list is a sample of its own, with a uid of its own; all samples of a row share one image.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.errors import InputError
from curate.uid import content_uid
from pipelines.inputs import places
from pipelines.inputs.rows import asked, clean, own_uid
from pipelines.recipe import Input

BYTES_FROM = "parquet:"  # TAR of such a row: where the ingest finds the bytes, OFFSET being the row


def sources(given: Input) -> list[str]:
    assert given.table is not None
    return places.expand(given.table, "image table")


def columns(given: Input) -> tuple[str, ...]:
    return given.image_column, given.caption_column, given.label_column, given.url_column


def read(given: Input) -> Iterator[dict[str, Any]]:
    for source, path in places.named(sources(given)):
        file = places.open_parquet(path)
        names = file.schema_arrow.names
        if given.image_column not in names:
            raise InputError(
                f"{path}: no column {given.image_column!r}; there are {', '.join(map(repr, names[:20]))}",
                "set input.image_column in the recipe",
            )
        wanted = (given.caption_column, given.label_column, given.url_column, c.UID)
        found = [name for name in dict.fromkeys(wanted) if name in names]
        try:
            for number, record in enumerate(_records(file, found)):
                yield from _samples(source, path, number, record, given)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path}: unreadable ({error})", "write the table anew, or take it off") from error


def _records(file: pq.ParquetFile, found: list[str]) -> Iterator[dict[str, Any]]:
    if not found:
        yield from ({} for _ in range(file.metadata.num_rows))
        return
    for batch in file.iter_batches(1000, columns=found):
        yield from batch.to_pylist()


def _samples(source: str, path: str, number: int, record: dict[str, Any], given: Input) -> Iterator[dict[str, Any]]:
    given_caption = record.get(given.caption_column)
    captions = given_caption if isinstance(given_caption, list) and given_caption else [given_caption]
    uid = own_uid(record.get(c.UID), source, number)
    for caption in captions:
        text = clean(caption if not isinstance(caption, list) else None)
        yield asked(
            source,
            number,
            record.get(given.url_column),
            text,
            **{
                # The row's own uid names one sample; of several, each has one that is made of it and its caption.
                c.UID: uid if uid is None or len(captions) == 1 else content_uid(uid, text or ""),
                c.LABEL: clean(record.get(given.label_column)),
                c.TAR: f"{BYTES_FROM}{path}",
                c.OFFSET: number,
            },
        )
