"""Ask filters about a table of signals, without any run: who is kept, and why not the others."""

import polars as pl

from curate.ask import ask
from curate.filters.align_image import AlignImage
from curate.filters.score import Score
from curate.filters.where import Where

signals = pl.DataFrame(
    {
        "caption": ["a dog in the snow", "logo", "two red apples", "a dog in the snow", "apples on a table"],
        "original_width": [640, 1200, 800, 640, 300],
        "original_height": [480, 300, 600, 480, 300],
        "words": [5, 1, 3, 5, 4],
        "clip_score_b32": [0.31, 0.12, 0.33, 0.29, None],
    }
).with_columns(url="http://example.org/" + pl.int_range(pl.len()).cast(pl.String) + ".jpg")

filters = [
    AlignImage(max_captions_per_image=10),
    Where(sql="words between 3 and 20"),
    Score(column="clip_score_b32", top=0.5),
]
answer = ask(signals, filters)  # counts over the whole table that a filter needs are made here
print(signals.select("caption").with_columns(pl.Series("keep", answer.keep), pl.from_arrow(answer.table)["reason"]))
for row in answer.funnel:
    print(row.as_dict())
