"""A pool's embeddings as points: one row per image, in the order of the images' uids.

What is made of them then depends on no order of shards or rows. Rows stay float16; what computes takes them in
blocks of float32. Over a gigabyte the matrix lies in a file in the machine's temporary folder (TMPDIR), which goes
with the array; it takes twice the matrix there while it is being put in order.
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import ROWS, Tables

IN_MEMORY = 2**30  # bytes
BLOCK = 16_384  # rows


@dataclass(frozen=True)
class Points:
    """`uids`: distinct image uids, ascending. `vectors`: (n, d) float16, a row per uid."""

    uids: pl.Series
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def width(self) -> int:
        return int(self.vectors.shape[1])

    def rows(self, uids: pl.Series) -> np.ndarray:
        """The row of each uid, shape (len(uids),), int64; -1 for one that is not here."""
        known = pl.DataFrame({c.IMAGE_UID: self.uids}).with_row_index("row")
        found = pl.DataFrame({c.IMAGE_UID: uids}).join(known, on=c.IMAGE_UID, how="left", maintain_order="left")
        return found["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def gather(partials: Iterable[Tables], column: str, *, in_memory: int = IN_MEMORY) -> Points:
    """The points of a pass that gathers: `partials` are its {"rows": frame}, with IMAGE_UID and `column`.

    Rows without an embedding are no points (see `measured`). Rows of one image have one vector, and are one point.
    """
    uids: list[pl.Series] = []
    with _Rows(in_memory) as held:
        for partial in partials:
            frame = partial[ROWS].select(c.IMAGE_UID, column).drop_nulls()
            frame = frame.filter(pl.Series(measured(frame[column])))
            frame = frame.unique(c.IMAGE_UID, keep="first", maintain_order=True)
            held.add(matrix(frame[column]))
            uids.append(frame[c.IMAGE_UID])
        found = pl.concat(uids) if uids else pl.Series(dtype=pl.String)
        ranked = pl.DataFrame({c.IMAGE_UID: found}).with_row_index("row").sort(c.IMAGE_UID, "row")
        ranked = ranked.unique(c.IMAGE_UID, keep="first", maintain_order=True)
        vectors = held.ordered(ranked["row"].to_numpy())
    return Points(ranked[c.IMAGE_UID].rename(c.IMAGE_UID), vectors)


def matrix(column: pl.Series) -> np.ndarray:
    """A column of embeddings as (n, d) float16. A null is a row of NaN."""
    width = int(column.dtype.shape[0])  # type: ignore[attr-defined]
    if not len(column):
        return np.zeros((0, width), np.float16)
    if column.null_count():
        found = np.full((len(column), width), np.nan, np.float16)
        present = column.is_not_null().to_numpy()
        if present.any():
            found[present] = column.drop_nulls().to_numpy()
        return found
    return column.to_numpy().astype(np.float16, copy=False)


def measured(column: pl.Series) -> np.ndarray:
    """(n,) bool: which rows of a column of embeddings are vectors: neither null, nor with a NaN or an infinity."""
    found = np.empty(len(column), bool)
    vectors = matrix(column)
    for start in range(0, len(vectors), BLOCK):
        found[start : start + BLOCK] = np.isfinite(vectors[start : start + BLOCK]).all(axis=1)
    return found


def blocks(vectors: np.ndarray, rows: int = BLOCK) -> Iterator[tuple[int, np.ndarray]]:
    """(first row, float32 rows): the vectors a block at a time, so that they are never whole in float32."""
    for start in range(0, len(vectors), rows):
        yield start, vectors[start : start + rows].astype(np.float32)


class _Rows:
    """Rows as they come, in memory and from `limit` bytes on in a file."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[np.ndarray] = []
        self._bytes = 0
        self._width = 0

    def __enter__(self) -> "_Rows":
        self._file = tempfile.TemporaryFile(prefix="curate-points-")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: np.ndarray) -> None:
        self._width = max(self._width, rows.shape[1])
        self._bytes += rows.nbytes
        self._held.append(rows)
        if self._bytes > self._limit:
            for one in self._held:
                self._file.write(np.ascontiguousarray(one).data)
            self._held.clear()

    def ordered(self, order: np.ndarray) -> np.ndarray:
        """These rows in this order."""
        if self._bytes <= self._limit:
            return np.concatenate(self._held)[order] if self._held else np.zeros((0, self._width), np.float16)
        self._file.flush()
        rows = self._bytes // (2 * self._width)
        source = np.memmap(self._file, np.float16, "r", shape=(rows, self._width))
        with tempfile.TemporaryFile(prefix="curate-points-") as file:
            found = np.memmap(file, np.float16, "w+", shape=(len(order), self._width))
        for start in range(0, len(order), BLOCK):
            found[start : start + BLOCK] = source[order[start : start + BLOCK]]
        return found
