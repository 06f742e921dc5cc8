"""Makes all pictures so that no two different ones look alike to a perceptual hash.

A picture that is too near to a settled one is drawn anew (another place, size, turn, light; the same scene),
until it is not. Pictures settle in the order of the list, so the result does not depend on the number of
processes.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np

from curate.errors import CurateError
from curate.planted.pictures import Made, Picture, make

MARGIN = 8  # different pictures differ in more bits than this
FEWEST_BITS = 2  # a hash with fewer bits set, or unset, is that of an image without structure
MOST_ATTEMPTS = 400
LEAST_JOBS = 24  # in a round: with few pictures left, several attempts of each, so that no process waits
Job = tuple[Picture, int]  # the picture and the attempt
Maker = Callable[[list[Job]], Iterable[list[Made]]]


class Crowd:
    """The hashes of all pictures that are settled. `most` is the number of files that there will be."""

    def __init__(self, most: int) -> None:
        self._hashes = np.empty(most, np.uint64)
        self._count = 0

    def admit(self, hashes: Sequence[int]) -> bool:
        """Takes in the hashes of a picture and its copies, unless one is degenerate or near to another picture's."""
        new = np.array(hashes, np.uint64)
        bits = np.bitwise_count(new)
        if bits.min() < FEWEST_BITS or bits.max() > 64 - FEWEST_BITS:
            return False
        distances = np.bitwise_count(self._hashes[: self._count, None] ^ new[None, :])
        if distances.min(initial=64) <= MARGIN:
            return False
        self._hashes[self._count : self._count + len(new)] = new
        self._count += len(new)
        return True


def make_all(seed: int, pictures: Sequence[Picture], workers: int) -> list[list[Made]]:
    """The files of every picture, each picture's far from every other's."""
    if workers <= 1:
        return _settle(pictures, lambda jobs: (make(seed, *job) for job in jobs))
    # spawn, not fork: the caller may have threads (Polars, a server), and a fork may hang on their locks.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        task = partial(_make, seed)
        return _settle(pictures, lambda jobs: pool.map(task, jobs, chunksize=1 + min(32, len(jobs) // 8)))


def _make(seed: int, job: Job) -> list[Made]:
    return make(seed, *job)


def _settle(pictures: Sequence[Picture], maker: Maker) -> list[list[Made]]:
    """Each picture's first attempt that is far from all settled ones."""
    done: list[list[Made]] = [[] for _ in pictures]
    crowd = Crowd(sum(1 + len(picture.copies) for picture in pictures))
    todo, attempt = list(range(len(pictures))), 0
    while todo:
        if attempt >= MOST_ATTEMPTS:
            raise CurateError(f"{len(todo)} of {len(pictures)} pictures look like others", "ask for fewer pairs")
        tries = -(-LEAST_JOBS // len(todo))
        jobs = [(index, attempt + more) for index in todo for more in range(tries)]
        for (index, _), made in zip(jobs, maker([(pictures[i], number) for i, number in jobs]), strict=True):
            if not done[index] and crowd.admit([image.phash for image in made]):
                done[index] = made
        todo = [index for index in todo if not done[index]]
        attempt += tries
    return done
