"""More rows than fit in memory, grouped by a 64-bit key: hash-partitioned temporary files.

The top byte of the key says which of 256 files a row goes to, so all rows of a key are in one, and the files in
order, each sorted by its key, are the whole sorted. Memory is the buffer and one file: 1/256 of the rows.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

FILES = 256
BUFFER = 2_000_000  # rows that are held before they are written


class Spill:
    """Rows of a structured dtype, spilled by the field `key`, a well-mixed uint64. Use it as a context.

    The files lie in the machine's temporary folder (TMPDIR) and go with the context.
    """

    def __init__(self, dtype: np.dtype, key: str = "key", buffer: int = BUFFER) -> None:
        self._dtype, self._key, self._limit = dtype, key, buffer
        self._held: list[np.ndarray] = []
        self._rows = 0
        self._files: set[int] = set()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="curate-spill-")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._folder.cleanup()

    def add(self, rows: np.ndarray) -> None:
        self._held.append(rows.astype(self._dtype, copy=False))
        self._rows += len(rows)
        if self._rows >= self._limit:
            self._write()

    def _write(self) -> None:
        if not self._rows:
            return
        rows = np.concatenate(self._held)
        files = (rows[self._key] >> np.uint64(56)).astype(np.uint8)
        rows = rows[np.argsort(files, kind="stable")]
        ends = np.cumsum(np.bincount(files, minlength=FILES))
        for number in np.unique(files).tolist():
            part = rows[ends[number - 1] if number else 0 : ends[number]]
            with self._path(number).open("ab") as file:
                part.tofile(file)
            self._files.add(number)
        self._held, self._rows = [], 0

    def partitions(self) -> Iterator[np.ndarray]:
        """The rows of one file after another, each sorted by key. Call it once, after the last `add`."""
        if not self._files:  # they all fit
            rows = np.concatenate([np.zeros(0, self._dtype), *self._held])
            yield rows[np.argsort(rows[self._key])]
            return
        self._write()
        for number in sorted(self._files):
            rows = np.fromfile(self._path(number), self._dtype)
            yield rows[np.argsort(rows[self._key])]
            self._path(number).unlink()

    def _path(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number:03d}"


def runs(keys: np.ndarray) -> np.ndarray:
    """Where each run of equal values of a sorted array starts. Shape (distinct,), int64."""
    if not len(keys):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
