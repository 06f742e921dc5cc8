"""All pairs of 64-bit hashes within a Hamming radius r: exact, without comparing all with all.

Cut the 64 bits into m = r + k bands. Two hashes at most r bits apart agree in at least k bands, so they share a
bucket in one of the C(m, k) tables that are keyed by k whole bands (Norouzi, Punjani and Fleet 2012 with several
bands to a key and no probing; Manku, Jain and Das Sarma 2007). Buckets of one size are compared side by side.
A pair is told by the first table that holds it, so none is told twice. `hamming_plan` picks m, k and which bits
make a band by what a sample of the hashes costs: those of real pictures are far from uniform.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from curate.corpus.hamming_plan import Bands, cheapest
from curate.uid import draw_int

TILE = 1 << 16  # hashes that are compared at once: they and what comes of them fit a core's cache
ROWS = 64  # of a tile of all against all
GROUPED = 1 << 13  # hashes in buckets of one size from which on they are compared side by side
AGAIN = 1 << 16  # buckets from this size on are a problem of their own
FILLER = np.random.default_rng(draw_int(0, "hamming", "filler")).integers(0, 1 << 63, TILE, np.uint64)
EXPANDED = 1 << 20  # candidates between two sets that are written out at once

Hits = tuple[np.ndarray, np.ndarray]  # two columns of uint64: the pairs


def hamming_pairs(
    hashes: np.ndarray, radius: int, *, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs a < b of distinct uint64 hashes at most `radius` bits apart, with their distance (uint8).

    In order of a, then b. Equal hashes are one. Memory: about 40 bytes per hash and thread, and the answer.
    """
    points = _distinct(hashes)
    a, b = _joined(_near(points, radius, cheapest(points, points, radius), _workers(threads)))
    return _in_order(np.minimum(a, b), np.maximum(a, b))


def hamming_between(
    left: np.ndarray, right: np.ndarray, radius: int, *, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs (a of `left`, b of `right`) at most `radius` bits apart, equal ones included, with their distance.

    Equal hashes of one set are one. In order of a, then b.
    """
    a, b = _distinct(left), _distinct(right)
    plan = cheapest(a, b, radius, within=False)
    if plan is None:
        tasks: list[Callable[[], Hits]] = [
            partial(_rectangle, a[start : start + ROWS], b, radius) for start in range(0, len(a), ROWS)
        ]
    else:
        sides = plan.arrange(a), plan.arrange(b)
        tasks = [partial(_table_between, *sides, radius, plan, chosen) for chosen in plan.tables()]
    return _in_order(*_joined(_restored(_run(tasks, _workers(threads)), plan)))


def _distinct(hashes: np.ndarray) -> np.ndarray:
    """Sorted. (`np.unique` builds a hash table: ten times slower.)"""
    ordered = np.sort(hashes.astype(np.uint64))
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def _workers(threads: int | None) -> int:
    return threads or min(8, os.cpu_count() or 1)


def _run(tasks: list[Callable[[], Hits]], threads: int) -> Iterator[Hits]:
    if threads == 1 or len(tasks) == 1:
        yield from (task() for task in tasks)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(lambda task: task(), tasks)


def _restored(found: Iterable[Hits], plan: Bands | None) -> Iterator[Hits]:
    for a, b in found:
        yield (a, b) if plan is None or not len(a) else (plan.restore(a), plan.restore(b))


def _joined(found: Iterable[Hits]) -> Hits:
    kept = [hits for hits in found if len(hits[0])]
    if not kept:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    return np.concatenate([a for a, _ in kept]), np.concatenate([b for _, b in kept])


def _in_order(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    return a, b, np.bitwise_count(a ^ b).astype(np.uint8)


def _near(points: np.ndarray, radius: int, plan: Bands | None, threads: int) -> Iterator[Hits]:
    """Every pair of distinct points within the radius, once, in no order."""
    tasks: list[Callable[[], Hits]]
    if plan is None:
        tasks = [partial(_row_of_tiles, points, start, radius) for start in range(0, len(points), ROWS)]
    else:
        arranged = plan.arrange(points)
        tasks = [partial(_table, arranged, radius, plan, chosen) for chosen in plan.tables()]
    yield from _restored(_run(tasks, threads), plan)


def _row_of_tiles(points: np.ndarray, start: int, radius: int) -> Hits:
    """64 points against themselves and all that follow."""
    return _rectangle(points[start : start + ROWS], points[start:], radius, following=True)


def _rectangle(rows: np.ndarray, columns: np.ndarray, radius: int, *, following: bool = False) -> Hits:
    """Near pairs of a row and a column; `following`: the columns begin with the rows, and come after their row."""
    found = []
    width = TILE // ROWS
    for start in range(0, len(columns), width):
        part = columns[start : start + width]
        near = np.flatnonzero(np.bitwise_count(rows[:, None] ^ part) <= radius)
        if len(near):
            a, b = np.divmod(near, len(part))
            if following and start == 0:
                a, b = a[b > a], b[b > a]
            found.append((rows[a], part[b]))
    return _joined(found)


def _table(points: np.ndarray, radius: int, plan: Bands, chosen: tuple[int, ...]) -> Hits:
    """The pairs of one table that no earlier table tells."""
    keys, order = plan.sorted_keys(points, chosen)
    starts, sizes = _buckets(keys)
    starts, sizes = starts[sizes > 1], sizes[sizes > 1]
    masks = plan.masks(chosen)
    found = []
    for size, which in _by_size(sizes):
        if size > ROWS and size * len(which) < GROUPED:
            for start, members in zip(starts[which], sizes[which], strict=True):
                bucket = points[order[start : start + members]]
                found.append(_first_told(_bucket(bucket, radius, len(points)), masks))
            continue
        wide = max(1, TILE // size)
        for first in range(0, len(which), wide):
            group = which[first : first + wide]
            places = np.minimum(np.arange(size)[:, None] + starts[group], len(order) - 1)
            found.append(_first_told(_columns(points[order[places]], sizes[group], radius), masks))
    return _joined(found)


def _buckets(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal keys begins, and its length."""
    edges = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    starts = np.concatenate([[0], edges]) if len(keys) else edges
    return starts, np.diff(starts, append=len(keys))


def _by_size(sizes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """size -> which buckets have it, or up to a sixteenth less."""
    step = 1 << np.maximum(np.frexp(sizes)[1] - 5, 0)
    rounded = -(-sizes // step) * step
    order = np.argsort(rounded, kind="stable")
    starts, counts = _buckets(rounded[order])
    for start, count in zip(starts, counts, strict=True):
        yield int(rounded[order[start]]), order[start : start + count]


def _columns(members: np.ndarray, sizes: np.ndarray, radius: int) -> Hits:
    """Near pairs within the first sizes[j] of each column j of a matrix."""
    size, wide = members.shape
    uneven = bool((sizes < size).any())
    if uneven:  # what is not of the bucket is made far from everything, so that it gives few pairs to strike out
        members = np.where(np.arange(size)[:, None] < sizes, members, FILLER[:size, None])
    flat = members.reshape(-1)
    found = []
    for lag in range(1, size):
        cut = lag * wide
        near = (np.bitwise_count(flat[cut:] ^ flat[:-cut]) <= radius).nonzero()[0]
        if len(near) and uneven:
            rows, columns = np.divmod(near, wide)
            near = near[rows + lag < sizes[columns]]
        if len(near):
            found.append((flat[near], flat[near + cut]))
    return _joined(found)


def _bucket(members: np.ndarray, radius: int, total: int) -> Hits:
    """Near pairs of one large bucket; a very large one gets bands of its own, of the bits that still differ."""
    plan = cheapest(members, members, radius) if AGAIN <= len(members) <= total // 2 else None
    return _joined(_near(members, radius, plan, 1))


def _first_told(hits: Hits, masks: tuple[np.uint64, list[np.uint64]]) -> Hits:
    """Of near pairs those that agree in the table's bands, and in no band before its last beside them."""
    a, b = hits
    if not len(a):
        return hits
    agreeing, differing = masks
    apart = a ^ b
    first = (apart & agreeing) == 0
    for mask in differing:
        first &= (apart & mask) != 0
    return a[first], b[first]


def _table_between(left: np.ndarray, right: np.ndarray, radius: int, plan: Bands, chosen: tuple[int, ...]) -> Hits:
    """The pairs of one table between two sets, that no earlier table tells."""
    (keys, order), (others, places) = plan.sorted_keys(left, chosen), plan.sorted_keys(right, chosen)
    masks = plan.masks(chosen)
    starts, sizes = _buckets(others)
    at = np.minimum(np.searchsorted(others[starts], keys), max(len(starts) - 1, 0))
    met = np.flatnonzero(others[starts][at] == keys) if len(starts) else np.zeros(0, np.int64)
    at = at[met]
    ends = np.cumsum(sizes[at])  # candidates up to and with this one of the left
    found, done = [], 0
    while done < len(met):
        before = ends[done - 1] if done else 0
        stop = max(done + 1, int(np.searchsorted(ends, before + EXPANDED, side="right")))
        counts = sizes[at[done:stop]]
        begin = starts[at[done:stop]] - (ends[done:stop] - counts - before)
        rows = np.repeat(order[met[done:stop]], counts)
        columns = places[np.arange(len(rows)) + np.repeat(begin, counts)]
        a, b = left[rows], right[columns]
        near = np.bitwise_count(a ^ b) <= radius
        found.append(_first_told((a[near], b[near]), masks))
        done = stop
    return _joined(found)
