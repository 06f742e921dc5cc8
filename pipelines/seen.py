"""Which URLs were listed before: a map from a URL's 128-bit hash to the number of its first row, in bounded memory.

A log-structured merge tree (O'Neil et al. 1996): the newest hashes are held in a dict; a full dict becomes a sorted
run of three files on disk, and eight runs of one level become one of the next. A batch is looked up in every run at
once, by a search that reads one page per run and hash: fast while the first halves, 8 bytes per distinct URL, lie in
the system's cache of files. Disk: 24 bytes per distinct URL, for the time of a merge up to twice that.

With 128 bits, among 700 million URLs the odds that any two share a hash are 7e-22.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from curate.errors import MachineError

HELD = 1 << 19  # hashes in the dict, about 100 MB
FAN = 8  # runs of one level that are merged to one
BLOCK = 1 << 17  # hashes of a run that a merge holds at once

Numbers = npt.NDArray[np.uint64]
STRIDE = 512  # hashes between two fences: their first halves are a page
COLUMNS = ("high", "low", "first")  # the halves of the hash, and the number of the first row


def key_of(*parts: str) -> bytes:
    """16 bytes that stand for the parts: blake2b, each part with its length before it."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


@dataclass(frozen=True)
class Run:
    """Sorted by `high`, and not within equal ones. Read and not mapped: mapped pages would count as resident memory."""

    path: Path  # three files of uint64 lie at PATH.COLUMN
    level: int
    rows: int
    fences: Numbers  # every STRIDE-th `high`

    def find(self, high: Numbers, low: Numbers) -> npt.NDArray[np.int64]:
        """The number of the first row of each hash; -1 where the run has none."""
        fence = np.searchsorted(self.fences, high)  # the first that is not smaller: the place is at most there
        start = STRIDE * np.maximum(fence - 1, 0)
        pages = self._read("high", start, STRIDE)
        into = (pages < high[:, None]).sum(1)
        there = pages[np.arange(len(high)), np.minimum(into, STRIDE - 1)]
        there = np.where(into < STRIDE, there, self.fences[np.minimum(fence, len(self.fences) - 1)])
        at, found = start + into, np.full(len(high), -1, np.int64)
        left = np.flatnonzero((at < self.rows) & (there == high))
        while len(left):  # once, but where two hashes have the same first half
            same = self._read("low", at[left], 1)[:, 0] == low[left]
            hits = left[same]
            found[hits] = self._read("first", at[hits], 1)[:, 0]
            left = left[~same]
            at[left] += 1
            left = left[at[left] < self.rows]
            left = left[self._read("high", at[left], 1)[:, 0] == high[left]]
        return found

    def _read(self, column: str, places: npt.NDArray[np.int64], count: int) -> Numbers:
        """(places, count): the values from each place on; what lies behind the end is the largest number."""
        found = np.full((len(places), count), np.iinfo(np.uint64).max, np.uint64)
        with open(f"{self.path}.{column}", "rb") as stream:
            for row, place in zip(found, places.tolist(), strict=True):
                os.preadv(stream.fileno(), [row.data], 8 * place)
        return found

    def block(self, column: str, start: int, count: int) -> Numbers:
        return np.fromfile(f"{self.path}.{column}", np.uint64, count, offset=8 * start)

    def remove(self) -> None:
        for name in COLUMNS:
            Path(f"{self.path}.{name}").unlink()


class Seen:
    """Keys and the numbers under which they came first. Runs lie in `folder`, which is the caller's to remove."""

    def __init__(self, folder: Path, held: int = HELD, fan: int = FAN, block: int = BLOCK) -> None:
        self.folder, self.held, self.fan, self.block = folder, held, fan, block
        self.count = 0  # distinct keys so far
        self._recent: dict[bytes, int] = {}
        self._runs: list[Run] = []
        self._made = 0

    def firsts(self, keys: Sequence[bytes | None]) -> list[int | None]:
        """Per key the number under which it came first, or None if it comes now: it then has the next number.

        Numbers count the distinct keys, from 0, in the order in which they came. A key that is None is like no other.
        Raises MachineError when the folder cannot be written.
        """
        recent = self._recent
        older = self._older([key for key in dict.fromkeys(keys) if key is not None and key not in recent])
        found: list[int | None] = []
        for key in keys:
            first = None if key is None else recent.get(key, older.get(key))
            if first is None:
                if key is not None:
                    recent[key] = self.count
                self.count += 1
            found.append(first)
        if len(self._recent) >= self.held:
            self._flush()
        return found

    def _older(self, keys: list[bytes]) -> dict[bytes, int]:
        """What the runs know of these keys."""
        if not self._runs or not keys:
            return {}
        high, low = _halves(keys)
        found = np.full(len(keys), -1, np.int64)
        for run in self._runs:  # a key is in one run at most
            found = np.maximum(found, run.find(high, low))
        return {keys[hit]: int(found[hit]) for hit in np.flatnonzero(found >= 0)}

    def _flush(self) -> None:
        high, low = _halves(list(self._recent))
        first = np.fromiter(self._recent.values(), np.uint64, len(self._recent))
        self._recent = {}
        order = np.argsort(high)
        self._write(0, iter([(high[order], low[order], first[order])]))
        while len(full := [run for run in self._runs if run.level == self._runs[-1].level]) >= self.fan:
            self._runs = [run for run in self._runs if run not in full]
            self._write(full[0].level + 1, _merged(full, self.block))
            for run in full:
                run.remove()

    def _write(self, level: int, pieces: Iterator[tuple[Numbers, ...]]) -> None:
        path, fences, rows = self.folder / f"{self._made:06d}", [], 0
        self._made += 1
        try:
            with ExitStack() as held:
                streams = [held.enter_context(open(f"{path}.{name}", "wb")) for name in COLUMNS]
                for piece in pieces:
                    fences.append(piece[0][-rows % STRIDE :: STRIDE].copy())
                    rows += len(piece[0])
                    for stream, column in zip(streams, piece, strict=True):
                        stream.write(column.data)
        except OSError as error:
            raise MachineError(
                f"{self.folder}: the hashes of the URLs cannot be written ({error.strerror or error})",
                "free 48 bytes of disk per row of the list, then run the same command again",
            ) from error
        self._runs.append(Run(path, level, rows, np.concatenate(fences)))


def _halves(keys: list[bytes]) -> tuple[Numbers, Numbers]:
    both = np.frombuffer(b"".join(keys), ">u8").reshape(-1, 2).astype(np.uint64)
    return both[:, 0].copy(), both[:, 1].copy()


def _merged(runs: list[Run], block: int) -> Iterator[tuple[Numbers, ...]]:
    """The rows of all runs by their first half, of each run at most `block` at a time."""
    at = [0] * len(runs)
    while any(start < run.rows for run, start in zip(runs, at, strict=True)):
        highs = [run.block("high", start, block) for run, start in zip(runs, at, strict=True)]
        cut = min(high[-1] for high in highs if len(high))  # up to here every run has shown all, or more of the same
        counts = [int(np.searchsorted(high, cut, "right")) for high in highs]
        high = np.concatenate([high[:count] for high, count in zip(highs, counts, strict=True)])
        order = np.argsort(high)
        taken = [(run, start, count) for run, start, count in zip(runs, at, counts, strict=True) if count]
        low, first = (np.concatenate([run.block(name, *part) for run, *part in taken])[order] for name in COLUMNS[1:])
        yield high[order], low, first
        at = [start + count for start, count in zip(at, counts, strict=True)]
