"""Corpus passes: work on the whole pool that reads columns only.

Each shard gives partial tables, the partials of all shards merge into whole tables, and from those, where
a pass has per-sample columns, each shard gets its own. A pass stores numbers, never verdicts, so a
changed threshold re-runs none. The answer is the same for any number of shards and any row order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl
import pyarrow as pa

Tables = dict[str, pl.DataFrame]
ROWS = "rows"  # the one table of a partial of a pass that gathers


@dataclass(frozen=True)
class Outside:
    """Images that are not of the pool: an evaluation set, or the queries of a retrieval.

    `places` are paths or globs of image files, tars and image tables; `column` is the signal measured of them:
    `phash`, or a model's embedding. A pass gets a table of `item` (which image, a string) and that column.
    """

    name: str
    places: tuple[str, ...]
    column: str


class CorpusPass:
    """One pass. A pass with parameters that make other tables has them in its name: [a-z0-9_]+, a folder's name."""

    name: str
    version: int  # raise it when the output for the same input changes
    reads: Mapping[str, Sequence[str]]  # folder of the run -> columns
    schema: pa.Schema | None = None  # of the per-sample columns, if it has any
    of_texts: ClassVar[bool] = False  # its per-sample columns are about the text, else about the image
    counts_texts: ClassVar[bool] = False  # and a captioner's texts are counted with the pool's
    gathers: ClassVar[bool] = False  # true: no partials, `merge` is given each shard's own rows, {"rows": frame}

    def identity(self) -> tuple[object, ...]:
        """The parameters that bear on the numbers."""
        return ()

    def partial_identity(self) -> tuple[object, ...]:
        """Those of them that bear on a shard's partial."""
        return self.identity()

    def outside(self) -> list[Outside]:
        """Images from outside the pool that it compares with."""
        return []

    def partial(self, frame: pl.DataFrame) -> Tables:
        """What one shard contributes."""
        return {ROWS: frame}

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        """The tables of the whole pool, in an order that does not depend on that of the shards.

        `partials` come one at a time and can be read once; `outside` has a table per name of `outside()`.
        """
        raise NotImplementedError

    def shown(self, tables: Tables) -> Tables:
        """What of the whole tables a report prints: title -> a small table, its most telling rows first."""
        return {}

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table | None:
        """The columns of `schema` for one shard, in row order."""
        return None


def widest(works: Iterable[CorpusPass]) -> dict[str, CorpusPass]:
    """By name; of two with one name the one whose parameters reach further, of equal ones the first."""
    found: dict[str, CorpusPass] = {}
    for work in works:
        known = found.get(work.name)
        found[work.name] = work if known is None else max(known, work, key=lambda w: w.identity())
    return found
