"""From stored columns to DataComp's subset file, beside what DataComp's own tool does with them.

The peer is the form of DataComp's `apply_filter` (arXiv 2304.14108), in code of our own: pandas reads the metadata's
columns, conditions make a mask (basic: language, words, characters, sizes; clip_score: the score at place int(n * f)
of the sorted ones is the threshold), a Python loop turns the kept uids into pairs of integers, NumPy sorts and saves
them. Ours reads the same columns of the same file, asks the real filters and saves the same array; it also finds
repeated uids, counts images and says of every row why it left. What each step of it costs is in the other lines.
`python -m tests.bench.deciding --large` asks `whatif` of a stored run of ten million rows.
"""

import json
import os
import resource
import subprocess
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
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.datacomp_basic import DataCompBasic
from curate.filters.rule import Filter
from curate.manifest import Entry, Manifest
from curate.subset import Subset, decide, know
from curate.uid import UID_DTYPE, hex_uids
from pipelines import decide as answering
from pipelines.recipe import load
from pipelines.whatif import whatif
from pipelines.workspace import Workspace
from tests.bench.clock import rate

SCORE = c.clip_score("b32")
FAMILIES = {
    "pool": [c.UID, c.IMAGE_UID, c.ORIGIN, c.OUTCOME, c.SHA256, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT],
    "signals/language": [c.LANGUAGE, c.LANGUAGE_SCORE],
    "signals/text_stats": [c.WHITESPACE_WORDS, c.CHARS, "letter_share", "digit_share"],
    "signals/image_stats": ["brightness", "contrast", "saturation", "entropy", "sharpness"],
    f"signals/{SCORE}": [SCORE],
}
RECIPE = """
name: bench
run_dir: run
input: {urls: none.csv}
statistics: []
models: {b32: {kind: open_clip, arch: ViT-B-32, weights: none.safetensors}}
filters:
  - datacomp_basic: {}
  - clip_score: {model: b32, top: 0.3}
  - score: {column: brightness, min: 0.02, name: bright}
  - score: {column: contrast, min: 0.02, name: contrast}
  - score: {column: language_score, min: 0.02, name: sure}
  - score: {column: entropy, max: 0.98, name: entropy}
  - any_of: [{where: {sql: "letter_share > 0.5"}}, {score: {column: sharpness, min: 0.5}}]
  - where: {sql: "saturation + digit_share < 1.9"}
"""

Kept = Callable[[pd.DataFrame], "pd.Series[bool]"]


def basic(table: pd.DataFrame) -> "pd.Series[bool]":
    sides = table[[c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT]]
    short, long = sides.min(axis=1), sides.max(axis=1)
    text = (table[c.LANGUAGE] == "en") & (table[c.WHITESPACE_WORDS] > 2) & (table[c.CHARS] > 5)
    return text & (short >= 200) & (long / short <= 3.0)


def clip_score(table: pd.DataFrame) -> "pd.Series[bool]":
    scores = table[SCORE]
    return scores >= scores.sort_values(ascending=False).iloc[int(len(scores) * 0.3)]


SIZES = [c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT]
CASES: dict[str, tuple[Filter, Kept, list[str]]] = {
    "basic": (DataCompBasic(), basic, [c.LANGUAGE, c.WHITESPACE_WORDS, c.CHARS, *SIZES]),
    "clip_score": (ClipScoreFilter(model="b32", top=0.3), clip_score, [SCORE]),
}


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    yield from compared(500_000)


def compared(rows: int) -> Iterator[tuple[str, float, str, float, str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "metadata.parquet"
        signals(rows, 0).write_parquet(path, compression="snappy")  # as pandas writes it
        for name in CASES:
            for what, mine, peers in steps(name, path):
                yield f"{name}: {what}", rate(rows, mine), "DataComp's form in pandas", rate(rows, peers, 2), "rows/s"


def steps(name: str, path: Path) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
    """What, ours, theirs."""
    item, kept, columns = CASES[name]
    columns, out = [c.UID, *columns], path.with_name("subset.npy")
    table, frame = pd.read_parquet(path, columns=columns), pl.read_parquet(path, columns=columns)
    mask, subset, distinct = kept(table), ours(frame, item), know(frame)
    assert 0 <= int(mask.sum()) - subset.kept <= 1  # their threshold keeps one more
    assert len(np.setdiff1d(subset.uids(), theirs_uids(mask, table))) == 0

    def we() -> None:
        np.save(out, ours(pl.read_parquet(path, columns=columns), item).uids())

    def they() -> None:
        read = pd.read_parquet(path, columns=columns)
        np.save(out, theirs_uids(kept(read), read))

    def plain() -> None:
        read = pl.read_parquet(path, columns=columns)
        np.save(out, decide(read, [item], {}, distinct).uids())

    return [
        ("columns of a Parquet to subset.npy", we, they),
        ("the same, uids known to be distinct (the peer does not look)", plain, they),
        ("the same from memory", lambda: ours(frame, item).uids(), lambda: theirs_uids(kept(table), table)),
        ("the conditions alone", lambda: ours(frame, item), lambda: kept(table)),
        ("kept uids to sorted pairs alone", subset.uids, lambda: theirs_uids(mask, table)),
    ]


def ours(frame: pl.DataFrame, item: Filter) -> Subset:
    return decide(frame, [item], {})


def theirs_uids(kept: "pd.Series[bool]", table: pd.DataFrame) -> np.ndarray:
    uids = table[c.UID][kept].to_numpy()
    return np.sort(np.array([(int(uid[:16], 16), int(uid[16:32], 16)) for uid in uids], dtype=UID_DTYPE))


def signals(rows: int, seed: int) -> pl.DataFrame:
    """Rows of a pool with their signals; of seed 0 all came, as the peer knows no failed download."""
    rng = np.random.default_rng(seed)
    names = np.empty((3, rows), UID_DTYPE)
    for half in ("f0", "f1"):
        names[half] = rng.integers(0, 2**64, (3, rows), dtype=np.uint64)
    uids = hex_uids(names[0])
    numbers = [name for under in ("signals/text_stats", "signals/image_stats") for name in FAMILIES[under]]
    columns = {
        c.UID: uids,
        c.IMAGE_UID: uids,
        c.ORIGIN: [c.WEB] * rows,
        c.OUTCOME: rng.choice(["ok", "ok", "ok", "404"], rows) if seed else ["ok"] * rows,
        c.SHA256: hex_uids(names[1]) + hex_uids(names[2]),
        **{name: rng.random(rows, np.float32) for name in [*numbers, c.LANGUAGE_SCORE, SCORE]},
        c.ORIGINAL_WIDTH: rng.integers(100, 1500, rows).astype(np.int32),
        c.ORIGINAL_HEIGHT: rng.integers(100, 1500, rows).astype(np.int32),
        c.LANGUAGE: rng.choice(["en", "en", "de", "zh"], rows),
        c.WHITESPACE_WORDS: rng.integers(1, 20, rows).astype(np.int32),
        c.CHARS: rng.integers(3, 120, rows).astype(np.int32),
    }
    return pl.DataFrame(columns)


def growth(rows: int = 10_000_000, per_shard: int = 1000) -> None:
    """A stored run of 12 signals and 8 filters: its first answer, then another threshold; each a process of its own."""
    with tempfile.TemporaryDirectory() as place:
        stored(Path(place), rows, per_shard)
        for step in ("publish", "whatif", "whatif"):
            subprocess.run([sys.executable, "-m", "tests.bench.deciding", step, place], check=True)


def stored(place: Path, rows: int, per_shard: int) -> None:
    """As the run would have left them, made of tables that come again with other uids."""
    (place / "recipe.yaml").write_text(RECIPE)
    folder = Folder(str(place / "run"))
    manifests = {under: Manifest.load(folder, under) for under in FAMILIES}
    some = [signals(per_shard, seed + 1) for seed in range(min(50, rows // per_shard))]
    for number in range(rows // per_shard):
        shard, frame = f"{number:05d}", some[number % len(some)]
        frame = frame.with_columns(pl.col(c.UID, c.SHA256).str.slice(8) + f"{number:08x}")
        frame = frame.with_columns(pl.col(c.UID).alias(c.IMAGE_UID))
        for under, columns in FAMILIES.items():
            path = Path(folder.path(f"{under}/{shard}.parquet"))
            path.parent.mkdir(parents=True, exist_ok=True)
            frame.select(columns).write_parquet(path, statistics=False)
            files = {path.name: {"sha256": f"{number:064x}", "bytes": path.stat().st_size}}
            manifests[under].entries[shard] = Entry(f"{number:016x}", per_shard, {"measured": per_shard}, files)
    for manifest in manifests.values():
        manifest.save()


def step(name: str, place: str) -> None:
    recipe, workspace = Path(place) / "recipe.yaml", Workspace.at(f"{place}/run")
    before, after = load(recipe), load(recipe, ["filters.contrast.min=0.2"])
    began, cpu = time.perf_counter(), time.process_time()
    if name == "publish":
        answering.publish(before, workspace)
        found = {"kept": workspace.manifest("").entries[answering.ENTRY].states["kept"]}
    else:
        found = whatif(before, after, workspace).as_dict()["kept"]
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    load_now = f"{os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"{name}: {seconds:.2f} s ({cpu:.2f} s of CPU), peak {peak:.2f} GiB, load {load_now}; {json.dumps(found)}")


if __name__ == "__main__":
    if "--large" in sys.argv:
        growth(*map(int, sys.argv[2:]))
    elif len(sys.argv) == 3:
        step(*sys.argv[1:])
    else:
        for what, mine, peer, theirs, unit in measure():
            print(f"{what}: {mine:,.0f} {unit}, {peer} {theirs:,.0f}: {mine / theirs:.1f}x", flush=True)
