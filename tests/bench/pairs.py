"""All pairs of 64-bit hashes within 10 bits, beside all-against-all in NumPy; both exact."""

from collections.abc import Iterator

import numpy as np

from curate.corpus.hash_pairs import hamming_pairs
from tests.bench.clock import rate


def brute(hashes: np.ndarray, radius: int) -> int:
    return sum(int((np.bitwise_count(hashes[i + 1 :] ^ hashes[i]) <= radius).sum()) for i in range(len(hashes)))


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    hashes = np.random.default_rng(0).integers(0, 2**63, 20_000, dtype=np.uint64)
    assert len(hamming_pairs(hashes, 10)[0]) == brute(np.sort(hashes), 10)
    ours = rate(len(hashes), lambda: hamming_pairs(hashes, 10))
    theirs = rate(len(hashes), lambda: brute(hashes, 10), runs=1)
    yield "hash pairs within 10 bits, 20,000 hashes", ours, "NumPy, all against all", theirs, "hashes/s"
