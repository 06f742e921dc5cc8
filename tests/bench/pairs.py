"""All pairs of 64-bit hashes within a radius: ours beside faiss, at full recall on both sides.

`python -m tests.bench.pairs --large` prints time against the number of hashes, up to ten million, and
`--peer PYTHON` compares with the imagededup that this interpreter has, on 10,000 pictures.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np

from curate.corpus.hamming import hamming_pairs
from curate.corpus.hamming_plan import cheapest
from tests.bench import pictures
from tests.bench.clock import rate

ROW = tuple[str, float, str, float, str]
COUNT, RADIUS = 1_000_000, 6
QUERIES = 5_000  # of the peers, who would take minutes for all; each query costs them the same


def planted(count: int) -> np.ndarray:
    """Three quarters at random; the rest up to five bits from one of those."""
    rng = np.random.default_rng(0)
    base = rng.integers(0, 2**64, count * 3 // 4, np.uint64, endpoint=False)
    near = base[rng.integers(0, len(base), count - len(base))]
    for _ in range(5):
        near ^= np.uint64(1) << rng.integers(0, 64, len(near), np.uint64)
    return np.unique(np.concatenate([base, near]))


def faiss_rate(index: faiss.IndexBinary, hashes: np.ndarray) -> float:
    """Hashes per second, building included; of the pairs that hashes near to the queries make none may be missing."""
    codes = np.ascontiguousarray(hashes.astype(">u8").view(np.uint8).reshape(-1, 8))
    began = time.perf_counter()
    index.add(codes)
    built = time.perf_counter()
    index.range_search(codes[:: len(codes) // QUERIES], RADIUS + 1)  # strictly less
    return len(codes) / (built - began + (time.perf_counter() - built) * len(codes) / QUERIES)


def multi(bands: int, bits: int, flips: int) -> faiss.IndexBinary:
    index = faiss.IndexBinaryMultiHash(64, bands, bits)
    index.nflip = flips
    return index


def single(bits: int, flips: int) -> faiss.IndexBinary:
    index = faiss.IndexBinaryHash(64, bits)
    index.nflip = flips
    return index


def measure() -> Iterator[ROW]:
    hashes = planted(COUNT)
    what = f"hash pairs within {RADIUS} bits, {COUNT:,} hashes"
    ours = rate(len(hashes), lambda: hamming_pairs(hashes, RADIUS))
    yield what, ours, "faiss, flat", faiss_rate(faiss.IndexBinaryFlat(64), hashes), "hashes/s"
    tries: list[Callable[[], faiss.IndexBinary]] = [
        lambda: multi(4, 16, 1), lambda: multi(3, 20, 2), lambda: multi(3, 21, 2)]  # fmt: skip
    best = max(faiss_rate(made(), hashes) for made in tries)
    yield what, ours, "faiss, the best multi-hash", best, "hashes/s"


def growth(
    counts: tuple[int, ...] = (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000), radius: int = RADIUS
) -> None:
    for count in counts:
        hashes = planted(count)
        plan = cheapest(hashes, hashes, radius)
        shape = f"{len(plan.edges) - 1} bands, {plan.choose} to a key" if plan else "all against all"
        began, busy = time.perf_counter(), time.process_time()
        pairs = len(hamming_pairs(hashes, radius)[0])
        took, busy = time.perf_counter() - began, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"{count:>10,} hashes, radius {radius}: {took:7.1f} s, {busy:7.1f} s of cores, {pairs:,} pairs,"
            f" {peak:.1f} GiB, {shape}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--radius", type=int, default=RADIUS)
    parser.add_argument("--peer", type=Path, help="a Python that has imagededup")
    given = parser.parse_args()
    if given.large:
        growth(radius=given.radius)
        return
    for row in pictures.measure(given.peer) if given.peer else measure():
        print(row)


if __name__ == "__main__":
    main()
