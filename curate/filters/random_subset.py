"""A random subset: what a curated set of the same size must be better than.

Of the samples that no earlier rule dropped, the `keep` with the smallest draws are kept. A draw is keyed by
(seed, uid), so that the subset depends on no order, and a smaller one is part of a larger one.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.corpus import Tables
from curate.filters.rule import Filter, Rule
from curate.uid import draw_int


class RandomSubset(Filter):
    type: ClassVar[str] = "random"
    keep: int = Field(ge=0, description="samples; all when there are fewer")
    seed: int = 0

    def rules(self) -> list[Rule]:
        return [Rule("keep", compare=self._drawn, of="survivors")]

    def reads(self) -> set[str]:
        return {c.UID}

    def _drawn(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        rows = asked.arg_true().to_list()
        uids = frame[c.UID].gather(rows).to_list()
        draws = sorted((draw_int(self.seed, uid, "random"), uid, row) for uid, row in zip(uids, rows, strict=True))
        drawn = [row for *_, row in draws[: self.keep]]
        return pl.Series(range(len(frame)), dtype=pl.UInt32).is_in(pl.Series(drawn, dtype=pl.UInt32).implode())
