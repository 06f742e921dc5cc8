"""The samples that a captioner appends: pool rows of their own, for images that are in the pool already."""

from collections.abc import Sequence

import pyarrow as pa

from curate import schema as c
from curate.uid import synthetic_uid


def captioned(rows: pa.Table, captions: Sequence[str | None], captioner: str, places: Sequence[int]) -> pa.Table:
    """schema.APPENDED: a row for each that has a caption, in their order.

    rows      schema.POOL, the row that stands for each image
    places    where they are in their shard: it becomes `row`

    All else, where the image came from, where it lies and what it is, is the pool row's.
    """
    written = [i for i, text in enumerate(captions) if text is not None]
    texts = [captions[i] for i in written]
    kept = rows.select(c.POOL.names).take(pa.array(written, pa.int64()))
    uids = kept.column(c.IMAGE_UID).to_pylist()
    own = {
        c.UID: [synthetic_uid(uid, text) for uid, text in zip(uids, texts, strict=True)],  # type: ignore[arg-type]
        c.ORIGIN: [c.SYNTHETIC] * len(written),
        c.CAPTION: texts,
        c.ROW: [int(places[i]) for i in written],
        c.CAPTIONER: [captioner] * len(written),
    }
    columns = [pa.array(own[f.name], f.type) if f.name in own else kept.column(f.name) for f in c.APPENDED]
    return pa.table(columns, schema=c.APPENDED).combine_chunks()
