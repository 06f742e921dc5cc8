"""Makes all pictures so that no two different ones look alike to a perceptual hash.

Whatever is too near to an earlier picture is drawn anew (another place, size, turn, light; the same scene),
until nothing is. The order is that of the list, so the result does not depend on the number of processes.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from curate.planted.pictures import Made, Picture, make

MARGIN = 8  # different pictures differ in more bits than this
FEWEST_BITS = 2  # a hash with fewer bits set, or unset, is that of an image without structure
MOST_ATTEMPTS = 60
Maker = Callable[[list[tuple[Picture, int]]], Iterable[list[Made]]]


def make_all(seed: int, pictures: Sequence[Picture], workers: int) -> list[list[Made]]:
    """The files of every picture, each picture's far from every other's."""
    if workers <= 1:
        return _settle(pictures, lambda jobs: [make(seed, *job) for job in jobs])
    # spawn, not fork: the caller may have threads (Polars, a server), and a fork may hang on their locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        task = partial(_make, seed)
        return _settle(pictures, lambda jobs: pool.map(task, jobs, chunksize=1 + min(32, len(jobs) // 8)))


def _make(seed: int, job: tuple[Picture, int]) -> list[Made]:
    return make(seed, *job)


def _settle(pictures: Sequence[Picture], maker: Maker) -> list[list[Made]]:
    done: list[list[Made]] = [[] for _ in pictures]
    todo = list(range(len(pictures)))
    for attempt in range(MOST_ATTEMPTS):
        for index, made in zip(todo, maker([(pictures[i], attempt) for i in todo]), strict=True):
            done[index] = made
        todo = too_near([[m.phash for m in made] for made in done])
        if not todo:
            return done
    raise RuntimeError(f"{len(todo)} pictures look like others after {MOST_ATTEMPTS} attempts")


def too_near(hashes: Sequence[Sequence[int]], margin: int = MARGIN) -> list[int]:
    """The pictures that have a degenerate hash, or lie within `margin` of an earlier picture."""
    flat = np.array([h for group in hashes for h in group], np.uint64)
    owner = np.repeat(np.arange(len(hashes)), [len(group) for group in hashes])
    bits = np.bitwise_count(flat)
    bad = set(owner[(bits < FEWEST_BITS) | (bits > 64 - FEWEST_BITS)].tolist())
    for start in range(0, len(flat), 512):
        rows = slice(start, start + 512)
        distance = np.bitwise_count(flat[rows, None] ^ flat[None, : start + 512])
        mine, earlier = np.nonzero(distance <= margin)
        a, b = owner[rows][mine], owner[earlier]
        bad.update(np.maximum(a, b)[a != b].tolist())
    return sorted(bad)
