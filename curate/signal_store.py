"""Signals: one folder per family, one Parquet per pool shard, rows in the pool's row order.

They are joined by position, never by key, so a uid that was asked for twice is no trouble.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder
from curate.manifest import Manifest
from curate.pool import UNDER as POOL

AHEAD = 64  # shards that are read before the first of them is used


def family_folder(family: str) -> str:
    return f"signals/{family}"


def pass_folder(name: str) -> str:
    return f"corpus/{name}"


@dataclass(frozen=True)
class Columns:
    """Columns of the whole pool, read beside one another from the folders that hold them."""

    folder: Folder

    def frame(self, wanted: dict[str, Sequence[str]]) -> pl.DataFrame:
        """`wanted`: folder (`pool`, `signals/phash`) -> its columns. Rows in shard order, then row order.

        Raises InputError when a folder lacks a shard of the pool or has another number of rows.
        """
        wanted = {POOL: [c.UID], **wanted}
        # A thread per shard: decompression leaves the interpreter's lock alone.
        with ThreadPoolExecutor(4) as threads:
            frames = list(threads.map(lambda shard: self.shard(shard, wanted), self.shards(wanted)))
        return pl.concat(frames) if frames else pl.DataFrame()

    def shards(self, folders: Iterable[str]) -> list[str]:
        """The pool's shards. Raises InputError where one of these folders lacks some."""
        return sorted(self._rows(folders))

    def _rows(self, folders: Iterable[str]) -> dict[str, int]:
        shards = {shard: entry.rows for shard, entry in Manifest.load(self.folder, POOL).entries.items()}
        for under in folders:
            missing = shards.keys() - Manifest.load(self.folder, under).entries.keys() if under != POOL else set()
            if missing:
                raise InputError(
                    f"{self.folder.url(under)}: {len(missing)} of {len(shards)} shards are not there yet",
                    "curate run RECIPE",
                )
        return shards

    def chunks(self, wanted: dict[str, Sequence[str]], rows: int) -> Iterator[pa.Table]:
        """What `frame` gives, so many rows at a time, the last ones fewer; no more than that is in memory."""
        expected = self._rows(wanted)
        shards = sorted(expected)
        waiting: list[pa.Table] = []
        with ThreadPoolExecutor(4) as threads:
            for start in range(0, len(shards), AHEAD):
                some = shards[start : start + AHEAD]
                for shard, table in zip(some, threads.map(lambda one: self.table(one, wanted), some), strict=True):
                    if table.num_rows != expected[shard]:
                        raise InputError(
                            f"{self.folder.url()}: shard {shard} has {table.num_rows} rows in {sorted(wanted)},"
                            f" the pool {expected[shard]}"
                        )
                    waiting.append(table)
                    while sum(part.num_rows for part in waiting) >= rows:
                        whole = pa.concat_tables(waiting)
                        yield whole.slice(0, rows).combine_chunks()
                        waiting = [whole.slice(rows)]
        if waiting:
            yield pa.concat_tables(waiting).combine_chunks()

    def shard(self, shard: str, wanted: dict[str, Sequence[str]]) -> pl.DataFrame:
        """The same for one shard."""
        frame = pl.from_arrow(self.table(shard, wanted))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def table(self, shard: str, wanted: dict[str, Sequence[str]]) -> pa.Table:
        """The same, as it is stored."""
        parts: list[pa.Table] = []
        for under, columns in wanted.items():
            if columns:
                parts.append(self.folder.read_table(f"{under}/{shard}.parquet", list(columns)))
        rows = {part.num_rows for part in parts}
        if len(rows) > 1:
            raise InputError(f"{self.folder.url()}: shard {shard} has {sorted(rows)} rows in {sorted(wanted)}")
        joined: dict[str, pa.ChunkedArray] = {}
        for part in parts:
            for name in part.column_names:
                joined.setdefault(name, part.column(name))
        return pa.table(joined)


def null_table(schema: pa.Schema, rows: int) -> pa.Table:
    return pa.table([pa.nulls(rows, field.type) for field in schema], schema=schema)


def states(table: pa.Table) -> dict[str, int]:
    """The two states a measured row can be in: its first column has a value, or it has none."""
    unmeasured = table.column(0).null_count
    found = {"measured": table.num_rows - unmeasured, "unmeasured": unmeasured}
    return {name: count for name, count in found.items() if count}


def columns_of(families: Iterable[pa.Schema]) -> list[str]:
    return [name for family in families for name in family.names]
