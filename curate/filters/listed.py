"""Keep the samples of a list: a subset that was made elsewhere, or the truth where it is known.

The list is a Parquet table with a column `uid` (32 hex digits), of which a boolean `column` may say which rows
count, or a DataComp .npy of uids, each a pair of unsigned 64-bit integers (arXiv 2304.14108, "resharder").
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from curate import schema as c
from curate.corpus import Tables
from curate.errors import InputError
from curate.files import file_sha256
from curate.filters.rule import Filter, Rule
from curate.uid import UID_DTYPE, hex_uids


class Listed(Filter):
    type: ClassVar[str] = "listed"
    paths: ClassVar[tuple[str, ...]] = ("table",)
    table: str = Field(description=".parquet with a column uid, or DataComp's .npy")
    column: str | None = Field(None, description="of a Parquet table: only rows where it is true")
    copies: bool = Field(False, description="a sample as often as its uid is in the list, as DataComp's resharder")

    def rules(self) -> list[Rule]:
        return [Rule("table", compare=self._in_list)]

    def reads(self) -> set[str]:
        return {c.UID}

    def identity(self) -> tuple[object, ...]:
        """sha256 of the list. Raises InputError where there is none."""
        return (file_sha256(self.table, f"check `table` of the filter {self.stage}"),)

    def _in_list(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        listed = uids(self.table, self.column)
        if not self.copies:
            return frame[c.UID].is_in(listed.implode())
        counted = listed.rename(c.UID).value_counts(name=c.COPIES)
        found = frame.select(c.UID).join(counted, on=c.UID, how="left", maintain_order="left")
        return found[c.COPIES].fill_null(0).cast(pl.Int32)


def uids(path: str, column: str | None = None) -> pl.Series:
    """The uids of a list, as 32 hex digits. Raises InputError for a file that is neither of the two kinds."""
    if Path(path).suffix == ".npy":
        return _datacomp(path)
    try:
        lazy = pl.scan_parquet(path)
        schema = lazy.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: not readable as Parquet ({error})", "write the list anew") from error
    wanted = {c.UID: pl.String()} | ({column: pl.Boolean()} if column else {})
    for name, kind in wanted.items():
        if schema.get(name) != kind:
            found = schema.get(name, "missing")
            raise InputError(f"{path}: the column {name!r} is {found}, not {kind}", "name another column or table")
    if column:
        lazy = lazy.filter(pl.col(column))
    return lazy.select(c.UID).collect()[c.UID].drop_nulls()


def _datacomp(path: str) -> pl.Series:
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as .npy ({error})", "write the list anew") from error
    if found.dtype != UID_DTYPE or found.ndim != 1:
        raise InputError(f"{path}: {found.dtype} of shape {found.shape}, not a row of `u8,u8`", "write the list anew")
    return hex_uids(found)
