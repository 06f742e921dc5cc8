"""Counts by key for more keys than fit in memory: what has been counted is put on disk in parts by the key's hash."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from curate import schema as c

PARTS = 32
ROWS = 8_000_000  # in memory before they go to disk: a few hundred megabytes


class Tally:
    def __init__(self, keys: Sequence[str], folder: Path, rows: int = ROWS, parts: int = PARTS) -> None:
        """`keys` are columns of strings; `folder` is one of its own, that the caller removes."""
        self.keys, self.folder, self.rows, self.parts = list(keys), folder, rows, parts
        self.waiting: list[pl.DataFrame] = []
        self.spills = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Count each row of the frame once."""
        self.waiting.append(frame.group_by(self.keys).agg(pl.len().cast(pl.Int64).alias(c.COUNT)))
        if sum(map(len, self.waiting)) > self.rows:
            self.waiting = [self._sum(self.waiting)]
            if len(self.waiting[0]) > self.rows // 2:
                self._spill()

    def counts(self) -> Iterator[pl.DataFrame]:
        """The keys and `count`, each key in one of the frames. No row may be added after this."""
        if not self.spills:
            yield self._sum(self.waiting)
            return
        if self.waiting:
            self._spill()
        for part in range(self.parts):
            files = sorted(self.folder.glob(f"{part:02d}-*.parquet"))
            yield self._sum([pl.read_parquet(file) for file in files])

    def _sum(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        empty = pl.DataFrame(schema={**dict.fromkeys(self.keys, pl.String()), c.COUNT: pl.Int64()})
        return pl.concat([empty, *frames]).group_by(self.keys).agg(pl.col(c.COUNT).sum())

    def _spill(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Within this process the hash of a key is always the same; it only says in which part the key is.
        numbered = self._sum(self.waiting).with_columns((pl.struct(self.keys).hash() % self.parts).alias("part"))
        for (part,), frame in numbered.partition_by("part", as_dict=True, include_key=False).items():
            frame.write_parquet(self.folder / f"{part:02d}-{self.spills:05d}.parquet", compression="lz4")
        self.waiting, self.spills = [], self.spills + 1
