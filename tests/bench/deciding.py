"""From stored columns to DataComp's subset file: basic filter and best 30 % by CLIP score, beside pandas.

The peer does what DataComp's baselines do (arXiv 2304.14108), with the columns measured beforehand: conditions on a
data frame, the score at place int(n * f) as the threshold, uids as pairs of integers. Both read the same Parquet and
end with the sorted array; ours also says why each row left, finds repeated uids and counts images after every rule.
`python -m tests.bench.deciding --large` answers a changed threshold on ten million rows.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from curate import schema as c
from curate.files import Folder
from curate.filters.algebra import AnyOf
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.datacomp_basic import DataCompBasic
from curate.filters.rule import Filter
from curate.filters.score import Score
from curate.filters.where import Where
from curate.manifest import Entry, Manifest
from curate.signal_store import Columns
from curate.subset import NEEDS, decide
from curate.uid import UID_DTYPE, hex_uids
from tests.bench.clock import rate

FILTERS: list[Filter] = [DataCompBasic(), ClipScoreFilter(model="b32", top=0.3, of="pool")]
SIGNALS = [c.LANGUAGE, c.WHITESPACE_WORDS, c.CHARS, c.clip_score("b32"), *(f"s{i}" for i in range(6))]
POOL = [*NEEDS, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT]


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    rows = 500_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        signals(rows, 0).write_parquet(path)
        assert abs(len(with_pandas(path)) - len(ours(path))) <= 1  # DataComp's threshold keeps one more
        yield (
            "basic and best 30 % by CLIP score, 500,000 rows from Parquet to sorted uids",
            rate(rows, lambda: ours(path)),
            "DataComp's rules in pandas",
            rate(rows, lambda: with_pandas(path), runs=2),
            "rows/s",
        )
        frame, table = pl.read_parquet(path), pd.read_parquet(path)
        yield (
            "the same, columns in memory",
            rate(rows, lambda: decide(frame, FILTERS, {}).uids()),
            "DataComp's rules in pandas",
            rate(rows, lambda: chosen(table), runs=2),
            "rows/s",
        )


def ours(path: Path) -> np.ndarray:
    columns = {*NEEDS, *(name for item in FILTERS for name in item.reads())}
    return decide(pl.read_parquet(path, columns=sorted(columns)), FILTERS, {}).uids()


def with_pandas(path: Path) -> np.ndarray:
    return chosen(pd.read_parquet(path, columns=[c.UID, *SIGNALS[:4], c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT]))


def chosen(table: pd.DataFrame) -> np.ndarray:
    short = table[[c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT]].min(axis=1)
    long = table[[c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT]].max(axis=1)
    basic = (table[c.LANGUAGE] == "en") & (table[c.WHITESPACE_WORDS] > 2) & (table[c.CHARS] > 5)
    basic &= (short >= 200) & (long / short <= 3.0)
    scores = table[c.clip_score("b32")]
    best = scores >= scores.sort_values(ascending=False).iloc[int(len(scores) * 0.3)]
    uids = table[c.UID][basic & best]
    pairs = np.array([(int(uid[:16], 16), int(uid[16:32], 16)) for uid in uids], dtype=UID_DTYPE)
    pairs.sort()
    return pairs


def signals(rows: int, seed: int) -> pl.DataFrame:
    """Rows of a pool that all came, with ten signals."""
    rng = np.random.default_rng(seed)
    names = np.empty((3, rows), UID_DTYPE)
    for half in ("f0", "f1"):
        names[half] = rng.integers(0, 2**64, (3, rows), dtype=np.uint64)
    uids = hex_uids(names[0])
    columns = {
        c.UID: uids,
        c.IMAGE_UID: uids,
        c.ORIGIN: [c.WEB] * rows,
        c.OUTCOME: rng.choice(["ok", "ok", "ok", "404"], rows),
        c.SHA256: hex_uids(names[1]) + hex_uids(names[2]),
        c.ORIGINAL_WIDTH: rng.integers(100, 1500, rows).astype(np.int32),
        c.ORIGINAL_HEIGHT: rng.integers(100, 1500, rows).astype(np.int32),
        c.LANGUAGE: rng.choice(["en", "en", "de", "zh"], rows),
        c.WHITESPACE_WORDS: rng.integers(1, 20, rows).astype(np.int32),
        c.CHARS: rng.integers(3, 120, rows).astype(np.int32),
        **{name: rng.random(rows, np.float32) for name in SIGNALS[3:]},
    }
    frame = pl.DataFrame(columns)
    if seed == 0:
        return frame.with_columns(pl.lit("ok").alias(c.OUTCOME))  # the peer knows no failed download
    return frame


def growth(rows: int = 10_000_000, per_shard: int = 100_000) -> None:
    """A changed threshold on a stored pool: read the columns and decide; then a whole answer, written."""
    many: list[Filter] = [
        *FILTERS,
        *(Score(column=f"s{i}", min=0.02, name=f"s{i}") for i in range(4)),
        AnyOf.model_validate([{"where": {"sql": "s4 > 0.5"}}, {"score": {"column": "s5", "min": 0.5}}]),
        Where(sql="s0 + s1 < 1.9"),
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(place)
        _store(folder, rows, per_shard)
        read = {name for item in many for name in item.reads()}
        wanted = {"pool": [*sorted(read & set(POOL)), c.ORIGIN, c.OUTCOME, c.SHA256], "signals/all": SIGNALS}
        wanted["pool"] = sorted(set(wanted["pool"]))
        _timed("read 12 signals", lambda: Columns(folder).frame(wanted))
        known = np.zeros(rows, bool)
        _timed("read and decide, 8 filters", lambda: decide(Columns(folder).frame(wanted), many, {}, known))


def _timed(what: str, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {time.perf_counter() - began:.2f} s, peak {peak:.2f} GiB so far", flush=True)


def _store(folder: Folder, rows: int, per_shard: int) -> None:
    pool, measured = Manifest.load(folder, "pool"), Manifest.load(folder, "signals/all")
    for number in range(rows // per_shard):
        frame = signals(per_shard, number + 1)
        for manifest, columns in ((pool, POOL), (measured, SIGNALS)):
            path = Path(folder.path(f"{manifest.under}/{number:05d}.parquet"))
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.select(columns).write_parquet(path, statistics=False)
            manifest.entries[f"{number:05d}"] = Entry("", per_shard, {}, {})
    pool.save()
    measured.save()


if __name__ == "__main__":
    if "--large" in sys.argv:
        growth(*map(int, sys.argv[2:]))
    else:
        for what, mine, peer, theirs, unit in measure():
            print(f"{what}: {mine:,.0f} {unit}, {peer} {theirs:,.0f}: {mine / theirs:.1f}x")
