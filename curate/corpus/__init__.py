"""Corpus passes: work on the whole pool that reads columns only.

Each shard gives partial tables, the partials of all shards merge into whole tables, and from those, where
a pass has per-sample columns, each shard gets its own. A pass stores numbers, never verdicts, so a
changed threshold re-runs none. The answer is the same for any number of shards and any row order.
"""

from collections.abc import Sequence
from typing import Protocol

import polars as pl
import pyarrow as pa

Tables = dict[str, pl.DataFrame]


class CorpusPass(Protocol):
    name: str
    version: int  # raise it when the output for the same input changes
    reads: dict[str, Sequence[str]]  # folder of the run -> columns
    schema: pa.Schema | None  # of the per-sample columns, if it has any

    def identity(self) -> tuple[object, ...]:
        """The parameters that bear on the numbers."""
        ...

    def partial(self, frame: pl.DataFrame) -> Tables:
        """What one shard contributes."""
        ...

    def merge(self, partials: Sequence[Tables]) -> Tables:
        """The tables of the whole pool, in an order that does not depend on that of the shards."""
        ...

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table | None:
        """The columns of `schema` for one shard, in row order."""
        ...
