"""Exact duplicates: of images with the same sha256, as downloaded, one is kept, with all its texts.

Which one, and who counts, is as in `curate.filters.one_of_group`; by default the first, for equal bytes are of equal
size. Images without a sha256 are duplicates of nothing. One image under one uid with many texts is no duplicate.
"""

from typing import ClassVar, Literal

import polars as pl

from curate import schema as c
from curate.corpus import Tables
from curate.filters.one_of_group import OneOfGroup
from curate.filters.rule import Rule


class ExactDedup(OneOfGroup):
    type: ClassVar[str] = "exact_dedup"
    keep: Literal["largest", "smallest", "first"] = "first"

    def rules(self) -> list[Rule]:
        return [Rule("sha256", compare=self._winners, of="survivors")]

    def reads(self) -> set[str]:
        return super().reads() | {c.SHA256}

    def _winners(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        return self.kept(frame, asked, frame[c.SHA256])
