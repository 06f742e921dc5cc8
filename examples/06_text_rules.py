"""Text rules on a list of captions: measure, count over the corpus, ask; who is dropped, by which rule."""

import tempfile
from pathlib import Path

import polars as pl

from curate.corpus.alt_text_counts import AltTextCounts
from curate.filters.align_text import AlignText
from curate.filters.caption_quality import CaptionQualityFilter
from curate.filters.language import LanguageFilter
from curate.signals import Batch
from curate.signals.caption_quality import CaptionQuality
from curate.signals.language import Language
from curate.signals.text_stats import TextStats
from curate.subset import decide
from curate.uid import content_uid

CAPTIONS = [
    "a red fox asleep under the old apple tree",
    "ein roter Fuchs schläft unter dem alten Apfelbaum",
    "IMG_2041.JPG from 2015",
    "Click here to enlarge the picture",
    "sale sale sale sale sale now",
    "fox",
]


def signals(captions: list[str]) -> pl.DataFrame:
    """A table as a run keeps it: who the samples are, then a column per signal."""
    uids = [content_uid(f"http://a.example/{i}.jpg", text) for i, text in enumerate(captions)]
    pool = pl.DataFrame({"uid": uids, "image_uid": uids, "sha256": uids, "caption": captions})
    pool = pool.with_columns(origin=pl.lit("web"), outcome=pl.lit("ok"))
    measured = [signal.measure(Batch(uids, captions)) for signal in (TextStats(), Language(), CaptionQuality())]
    counts = AltTextCounts()
    measured.append(counts.per_sample(counts.merge([counts.partial(pool)]), pool))
    return pl.concat([pool, *map(pl.from_arrow, measured)], how="horizontal")


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "signals.parquet"
    signals(CAPTIONS).write_parquet(path)

    table = pl.read_parquet(path)
    rules = [AlignText(keep_top_ngrams=1000), LanguageFilter(keep=["en"]), CaptionQualityFilter()]
    answer = decide(table, rules, {})

for text, reason in zip(table["caption"], answer.table["reason"].to_pylist(), strict=True):
    print(f"{reason or 'kept':40} {text}")
