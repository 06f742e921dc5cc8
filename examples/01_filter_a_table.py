"""Ask filters about a table of signals, without any run: who is kept, and why not the others."""

import polars as pl

from curate.filters.align_image import AlignImage
from curate.filters.where import Where
from curate.subset import decide

table = pl.DataFrame(
    {
        "uid": ["a" * 32, "b" * 32, "c" * 32],
        "image_uid": ["a" * 32, "b" * 32, "c" * 32],
        "origin": "web",
        "outcome": ["ok", "ok", "404"],
        "sha256": ["1", "2", None],
        "original_width": [640, 1200, None],
        "original_height": [480, 300, None],
        "image_captions": [1, 1, None],
        "words": [5, 7, None],
    }
)
answer = decide(table, [AlignImage(), Where(sql="words between 3 and 20")], {})
print(pl.from_arrow(answer.table).select("uid", "keep", "reason"))
for row in answer.funnel:
    print(row.as_dict())
