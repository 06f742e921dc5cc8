"""Counting every uni- and bigram of the captions, beside a loop with `collections.Counter`; both exact.

`python -m tests.bench.ngrams --large` does 10 million captions as a run does, shard by shard through files, and
prints the seconds of each step and the peak memory of this one process.
"""

import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import Tables
from curate.corpus.alt_text_counts import AltTextCounts
from curate.signals.text_stats import WORD
from tests.bench.clock import rate

VOCABULARY = 3_000_000


def captions(shard: int, rows: int) -> pl.DataFrame:
    """A shard of captions of 8 to 12 words, whose frequencies are Zipf's; one in ten texts is one of a thousand."""
    rng = np.random.default_rng(shard)
    lengths = rng.integers(8, 13, rows)
    ranks = np.exp(rng.random(lengths.sum()) * np.log(VOCABULARY)).astype(np.int64)
    row = np.repeat(np.arange(rows), lengths)
    words = pl.DataFrame({"row": row, "word": ranks}).select("row", pl.format("w{}", "word").alias(c.CAPTION))
    texts = words.group_by("row", maintain_order=True).agg(pl.col(c.CAPTION).str.join(" "))[c.CAPTION]
    stock = pl.Series([f"stock photo number {i}" for i in range(1000)])
    common = pl.Series(rng.random(rows) < 0.1)
    return pl.DataFrame(
        {
            c.CAPTION: stock.gather(rng.integers(0, 1000, rows)).zip_with(common, texts),
            c.SHA256: pl.Series(rng.integers(0, 2**62, rows)).cast(pl.String),
            c.OUTCOME: ["ok"] * rows,
        }
    )


def ours(frame: pl.DataFrame) -> Tables:
    work = AltTextCounts()
    return work.merge(iter([work.partial(frame)]))


def theirs(frame: pl.DataFrame) -> Counter[str]:
    import regex  # the classes of letters that WORD names are not in `re`

    word = regex.compile(WORD)
    counted: Counter[str] = Counter()
    for text in frame[c.CAPTION]:
        found = word.findall(text.lower())
        counted.update(found)
        counted.update(f"{a} {b}" for a, b in pairwise(found))
    return counted


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    frame = pl.concat([captions(shard, 10_000) for shard in range(10)])
    found, expected = ours(frame), theirs(frame)
    assert int(found["ranks"]["ngrams"].sum()) == len(expected)
    assert int((found["ranks"]["ngrams"] * found["ranks"]["count"]).sum()) == expected.total()
    quick = rate(len(frame), lambda: ours(frame))
    slow = rate(len(frame), lambda: theirs(frame), runs=1)
    yield "all uni- and bigrams of 100,000 captions", quick, "a loop with collections.Counter", slow, "captions/s"


def growth(total: int = 10_000_000, shard_rows: int = 10_000) -> None:
    work, shards = AltTextCounts(), range(total // shard_rows)
    with tempfile.TemporaryDirectory(prefix="curate-ngrams-") as name:
        folder = Path(name)
        seconds = dict.fromkeys(("partial", "merge", "spread"), 0.0)
        for shard in shards:
            frame = captions(shard, shard_rows)
            began = time.monotonic()
            for table, rows in work.partial(frame).items():
                rows.write_parquet(folder / f"{shard}.{table}.parquet")
            seconds["partial"] += time.monotonic() - began
        print(f"partials: {_size(folder) / 1e9:.2f} GB on disk, {_peak()}", flush=True)
        began = time.monotonic()
        tables = work.merge(_read(folder, shard) for shard in shards)
        seconds["merge"] = time.monotonic() - began
    size = sum(table.estimated_size() for table in tables.values())
    print(f"merged: {tables['ranks']['ngrams'].sum():,} n-grams, tables of {size / 1e9:.2f} GB, {_peak()}", flush=True)
    asked = shards[:: max(1, len(shards) // 100)]
    for shard in asked:
        frame = captions(shard, shard_rows)
        began = time.monotonic()
        work.per_sample(tables, frame)
        seconds["spread"] += (time.monotonic() - began) * len(shards) / len(asked)
    print(f"{total:,} captions: {', '.join(f'{step} {s:,.0f} s' for step, s in seconds.items())}, {_peak()}")


def _read(folder: Path, shard: int) -> Tables:
    return {name: pl.read_parquet(folder / f"{shard}.{name}.parquet") for name in ("words", "bigrams", "pairs")}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _peak() -> str:
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"


if __name__ == "__main__":
    if "--large" in sys.argv:
        growth()
    else:
        for row in measure():
            print(row)
