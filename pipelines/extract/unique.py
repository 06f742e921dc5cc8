"""Which rows of many tables are the first with their key, in bounded memory: keys are parted by their bits on disk."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

PART = 2_000_000  # keys that are sorted at once; 24 bytes each
MOST = 512  # files that are open at once
KEYS = np.dtype([("high", ">u8"), ("low", ">u8"), ("row", "<u8")])


class First:
    """`add` every table's keys in order, `find` once, then ask which rows of the whole are `first`.

    Keys are hashes: their upper bits part them evenly. Everything lies in `folder`, 24 bytes a key while they are
    added and one byte a key at the end.
    """

    def __init__(self, folder: str, rows: int) -> None:
        self._folder = Path(folder)
        self._parts = min(MOST, -(-rows // PART)) or 1
        self._files = [(self._folder / f"{i}.keys").open("wb") for i in range(self._parts)]
        self._rows = 0

    def add(self, keys: Iterable[bytes]) -> None:
        """16 bytes each."""
        joined = np.frombuffer(b"".join(keys), dtype=[("high", ">u8"), ("low", ">u8")])
        rows = np.empty(len(joined), KEYS)
        rows["high"], rows["low"] = joined["high"], joined["low"]
        rows["row"] = np.arange(self._rows, self._rows + len(joined), dtype=np.uint64)
        self._rows += len(joined)
        part = (joined["high"] % np.uint64(self._parts)).astype(np.int64)
        for i in np.unique(part).tolist():
            rows[part == i].tofile(self._files[i])

    def find(self) -> npt.NDArray[np.bool_]:
        """[rows], on disk: True for the first row with its key."""
        if not self._rows:
            return np.zeros(0, np.bool_)
        first = np.lib.format.open_memmap(self._folder / "first.npy", "w+", np.bool_, (self._rows,))
        for file in self._files:
            file.close()
            rows = np.fromfile(file.name, KEYS)
            os.unlink(file.name)
            order = np.lexsort((rows["row"], rows["low"], rows["high"]))
            rows = rows[order]
            new = np.ones(len(rows), np.bool_)
            new[1:] = (rows["high"][1:] != rows["high"][:-1]) | (rows["low"][1:] != rows["low"][:-1])
            first[rows["row"][new]] = True
        return first
