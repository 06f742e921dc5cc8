"""Which bands to look hashes up by: the number of bands, how many make a key, and which bits make a band.

Few long buckets or many tables: what is cheaper depends on how many hashes there are and how they are spread, so
candidates are tried on a sample. The answer bears on time only, never on what is found.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from curate.uid import draw_int

SAMPLE = 1 << 14
TRIED_TABLES = 4  # of each candidate
MOST_TABLES = 4_000
KEY_BITS = 32  # a longer key would tell apart no more
# Nanoseconds on one core of 2024; only their proportions matter.
COMPARE, SORT_PASS, TABLE = 1.2, 25.0, 400_000.0
EXPAND = 15.0  # a candidate between two sets
HIT = 80.0  # a near pair, in every table that holds it
COMPARED = 1024  # of the sample, all with all: how many near pairs there are, and in what they agree


@dataclass(frozen=True)
class Bands:
    """`bits[i]`: which bit of a hash is put at place i; band j is the places edges[j] to edges[j + 1]."""

    bits: tuple[int, ...]
    edges: tuple[int, ...]
    choose: int  # bands to a key

    def tables(self) -> Iterator[tuple[int, ...]]:
        return combinations(range(len(self.edges) - 1), self.choose)

    def masks(self, chosen: tuple[int, ...]) -> tuple[np.uint64, list[np.uint64]]:
        """The bits of the chosen bands, as arranged; and of each other band that comes before the last of them."""
        band = [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(self.edges)]
        others = [band[j] for j in range(chosen[-1]) if j not in chosen]
        return np.bitwise_or.reduce([band[j] for j in chosen]), others

    def arrange(self, hashes: np.ndarray) -> np.ndarray:
        return moved(hashes, self.bits)

    def restore(self, arranged: np.ndarray) -> np.ndarray:
        return moved(arranged, tuple(int(i) for i in np.argsort(self.bits)))

    def keys(self, arranged: np.ndarray, chosen: tuple[int, ...]) -> np.ndarray:
        """The chosen bands side by side, their lowest 32 bits. uint32."""
        key, at = np.zeros(len(arranged), np.uint32), 0
        for j in chosen:
            low, high = self.edges[j], self.edges[j + 1]
            band = (arranged >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
            key |= (band << np.uint64(at)).astype(np.uint32)
            at += high - low
            if at >= KEY_BITS:
                break
        return key

    def key_bits(self) -> int:
        return min(KEY_BITS, sum(self.edges[j + 1] - self.edges[j] for j in range(self.choose)))

    def sorted_keys(self, arranged: np.ndarray, chosen: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Sorted keys, and the place that each came from. By radix: NumPy sorts 16 bits so, and only those."""
        keys = self.keys(arranged, chosen)
        order = np.argsort(keys.astype(np.uint16), kind="stable")
        if self.key_bits() > 16:
            high = (keys >> np.uint32(16)).astype(np.uint16)
            order = order[np.argsort(high[order], kind="stable")]
        return keys[order], order


def moved(hashes: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Bit bits[i] of each hash at place i, by a table per byte."""
    places = np.empty(64, np.int64)
    places[list(bits)] = np.arange(64)
    values = np.arange(256, dtype=np.uint64)
    found = np.zeros(len(hashes), np.uint64)
    for byte in range(8):
        table = np.zeros(256, np.uint64)
        for bit in range(8):
            table |= ((values >> np.uint64(bit)) & np.uint64(1)) << np.uint64(places[8 * byte + bit])
        found |= table[((hashes >> np.uint64(8 * byte)) & np.uint64(255)).astype(np.uint8)]
    return found


def cheapest(left: np.ndarray, right: np.ndarray, radius: int, *, within: bool = True) -> Bands | None:
    """The cheapest way found; None when that is to compare all with all. `within`: left and right are one set."""
    pairs = len(left) * len(right) / (2 if within else 1)
    if pairs * COMPARE < 20 * TABLE:
        return None
    rng = np.random.default_rng(draw_int(0, "hamming", "plan"))
    samples = tuple(side[rng.integers(0, len(side), min(SAMPLE, len(side)))] for side in (left, right))
    if within:
        samples = (np.unique(samples[0]),) * 2
    orders = _bit_orders(np.concatenate(samples), rng)
    sizes = (len(left), len(right))
    near, compared = _near(samples, radius, within)
    best, cost = None, pairs * (COMPARE + HIT * len(near) / compared)
    for choose in range(1, 64 - radius):
        if math.comb(radius + choose, choose) > MOST_TABLES:
            break
        edges = tuple(int(e) for e in np.linspace(0, 64, radius + choose + 1).round())
        plans = [Bands(bits, edges, choose) for bits in orders]
        prices = [_price(plan, samples, sizes, within, near, pairs / compared, rng) for plan in plans]
        if min(prices) < cost:
            best, cost = plans[int(np.argmin(prices))], min(prices)
        elif best is not None and min(prices) > 2 * cost:
            break  # more bands to a key mean ever more tables
        if plans[0].key_bits() == KEY_BITS:
            break
    return best


def _bit_orders(sample: np.ndarray, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """The bits as they are; shuffled; dealt to and fro by their entropy, so that every band has its share."""
    ones = np.array([np.count_nonzero(sample & np.uint64(1 << bit)) for bit in range(64)])
    evenness = np.minimum(ones, len(sample) - ones)
    ranked = np.argsort(evenness, kind="stable")[::-1]
    dealt = np.concatenate([ranked[i::8] for i in range(8)])
    return [tuple(int(bit) for bit in bits) for bits in (np.arange(64), dealt, rng.permutation(64))]


def _price(
    plan: Bands,
    samples: tuple[np.ndarray, ...],
    sizes: tuple[int, int],
    within: bool,
    near: np.ndarray,
    weight: float,
    rng: np.random.Generator,
) -> float:
    """Nanoseconds of all tables, from what some of them do to the sample; each near pair stands for `weight`."""
    bands = len(plan.edges) - 1
    arranged = [plan.arrange(sample) for sample in samples]
    tried = [tuple(sorted(int(j) for j in rng.permutation(bands)[: plan.choose])) for _ in range(TRIED_TABLES)]
    share = sum(_meeting(plan, arranged, chosen) for chosen in tried) / len(tried)
    candidates = share * sizes[0] * sizes[1] / (2 if within else 1)
    passes = (1 if plan.key_bits() <= 16 else 2) * (sizes[0] if within else sum(sizes))
    apart = plan.arrange(near)
    hits = weight * sum(np.count_nonzero((apart & plan.masks(chosen)[0]) == 0) for chosen in tried) / len(tried)
    table = TABLE + SORT_PASS * passes + (COMPARE if within else EXPAND) * candidates + HIT * hits
    return math.comb(bands, plan.choose) * table


def _near(samples: tuple[np.ndarray, ...], radius: int, within: bool) -> tuple[np.ndarray, int]:
    """Of the near pairs among some of the sample: the bits in which they differ; and of how many pairs they are."""
    left, right = samples[0][:COMPARED], samples[1][-COMPARED:]
    if within:
        left = right = samples[0][:: max(1, len(samples[0]) // COMPARED)]
        apart = (left[:, None] ^ right)[np.triu_indices(len(left), 1)]
    else:
        apart = (left[:, None] ^ right).reshape(-1)
    return apart[np.bitwise_count(apart) <= radius], max(1, len(apart))


def _meeting(plan: Bands, arranged: list[np.ndarray], chosen: tuple[int, ...]) -> float:
    """The share of all pairs of one sample hash with another (of the other set, or the same) with equal keys."""
    (keys, counts), (others, other_counts) = (
        np.unique(plan.keys(side, chosen), return_counts=True) for side in arranged
    )
    _, mine, theirs = np.intersect1d(keys, others, assume_unique=True, return_indices=True)
    left, right = counts[mine].astype(np.float64), other_counts[theirs].astype(np.float64)
    if arranged[0] is arranged[1]:
        return float((left * (left - 1)).sum() / max(1, len(arranged[0]) * (len(arranged[0]) - 1)))
    return float((left * right).sum() / max(1, len(arranged[0]) * len(arranged[1])))
