"""The k nearest of 384-dimensional float16 vectors, beside faiss.IndexFlatIP (float32, exact) on the same vectors.

The vectors stand for real embeddings: kinds of pictures, within which pictures differ in a few directions; of noise
in all 384 nothing has near neighbours.
`python -m tests.bench.retrieval --large`: 1 million vectors, 10,000 queries, and the recall of either way.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import faiss
import numpy as np

from curate.corpus.inverted_file import RECALL, build, recall, search
from curate.corpus.neighbours import Neighbours, nearest

WIDTH, K = 384, 64
CENTRES, INNER = 300, 24  # kinds of pictures, and in how many directions pictures of a kind differ
BLOCK = 50_000


def vectors(rows: int, seed: int) -> np.ndarray:
    shape = np.random.default_rng(99)
    centres = shape.standard_normal((CENTRES, WIDTH), dtype=np.float32)
    directions = shape.standard_normal((INNER, WIDTH), dtype=np.float32)
    rng = np.random.default_rng(seed)
    found = np.empty((rows, WIDTH), np.float16)
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        own = (CENTRES * rng.random(count) ** 2).astype(int)  # kinds of very different sizes
        block = centres[own] + 0.2 * rng.standard_normal((count, INNER), dtype=np.float32) @ directions
        block += 0.1 * rng.standard_normal((count, WIDTH), dtype=np.float32)
        found[start : start + count] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return found


def timed(work: object) -> tuple[float, object]:
    began = time.perf_counter()
    found = work()  # type: ignore[operator]
    return time.perf_counter() - began, found


def both(rows: int, count: int) -> Iterator[tuple[str, float, str, float, str]]:
    points, queries = vectors(rows, 1), vectors(count, 2)
    exact_s, truth = timed(lambda: nearest(queries, points, K))
    assert isinstance(truth, Neighbours)
    flat = faiss.IndexFlatIP(WIDTH)
    for start in range(0, rows, BLOCK):
        flat.add(points[start : start + BLOCK].astype(np.float32))
    flat_s, answer = timed(lambda: flat.search(queries.astype(np.float32), K))
    peers = Neighbours(answer[1], answer[0])  # type: ignore[index]
    same = float((np.sort(peers.indices, 1) == np.sort(truth.indices, 1)).mean())
    assert same > 0.999
    what = f"{K} nearest of {count:,} in {rows:,} x {WIDTH}"
    yield f"{what}, exact", count / exact_s, "IndexFlatIP", count / flat_s, "queries/s"
    build_s, index = timed(lambda: build(points))
    share, index.nprobe = 0.0, 1  # type: ignore[attr-defined]
    while share < RECALL and index.nprobe < index.nlist:  # type: ignore[attr-defined]
        if share:
            index.nprobe *= 2  # type: ignore[attr-defined]
        search_s, found = timed(lambda: search(index, queries, points, K))
        share = recall(found, truth)  # type: ignore[arg-type]
    print(f"built in {build_s:.0f} s, {index.nlist:,} cells, {index.nprobe} probed")  # type: ignore[attr-defined]
    yield f"{what}, inverted file, recall {share:.3f}", count / search_s, "IndexFlatIP", count / flat_s, "queries/s"


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    yield from both(200_000, 2_000)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true", help="1 million vectors, 10,000 queries: about 10 minutes")
    size = (1_000_000, 10_000) if parser.parse_args().large else (200_000, 2_000)
    for what, ours, peer, theirs, unit in both(*size):
        print(f"{what}: {ours:,.0f} {unit}; {peer}: {theirs:,.0f} {unit}; ratio {ours / theirs:.2f}", flush=True)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB, the peer's included")


if __name__ == "__main__":
    main()
