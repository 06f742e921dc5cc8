"""Which values are equal, and how many distinct ones are among the rows that are still in, at tens of millions.

Strings are compared by two 64-bit hashes, so values are taken as equal with a chance of 2^-128 a pair; only rows
whose first hash is not alone are looked at twice.
"""

import numpy as np
import polars as pl


def groups(values: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """(rows that share their value with another row, the number of each one's group). Nulls share nothing.

    Shapes (m,), int64; groups are numbered from 0 in an order of no meaning.
    """
    first = values.hash(0)
    if values.null_count():
        first = pl.select(pl.when(values.is_not_null()).then(first)).to_series()
    ordered = first.drop_nulls().sort()
    shared = ordered.filter(ordered == ordered.shift(1)).unique()
    rows = first.is_in(shared.implode()).fill_null(False).arg_true() if len(shared) else pl.Series([], dtype=pl.UInt32)
    few = values.gather(rows)
    ranked = pl.DataFrame({"row": rows, "a": few.hash(0), "b": few.hash(1)})
    counted = ranked.with_columns(pl.len().over("a", "b").alias("n")).filter(pl.col("n") > 1)
    codes = counted.select(pl.struct("a", "b").rank("dense") - 1).to_series()
    return counted["row"].cast(pl.Int64).to_numpy(), codes.cast(pl.Int64).to_numpy()


def first_of_each(frame: pl.DataFrame, key: list[str], by: str, asked: pl.Series) -> pl.Series:
    """True for one asked row of each value of `key`: the one with the smallest `by`, of equal ones the first."""
    few = frame.select(*key, by).with_row_index("row").filter(asked)
    marks = few.select("row", by, a=pl.struct(key).hash(0), b=pl.struct(key).hash(1))
    alone = marks["a"].is_unique()
    shared = marks.filter(~alone).sort(by, "row").unique(["a", "b"], keep="first", maintain_order=True)
    kept = np.zeros(len(frame), bool)
    kept[marks["row"].filter(alone).to_numpy()] = True
    kept[shared["row"].to_numpy()] = True
    return pl.Series(kept)


def numbered(values: pl.Series) -> np.ndarray:
    """Shape (n,), uint32: 0 for null, 1 for a value that no other row has, from 2 on a number per shared value."""
    rows, codes = groups(values)
    found = values.is_not_null().to_numpy().astype(np.uint32)
    found[rows] = codes + 2
    return found


class Distinct:
    """How many distinct values the rows that are in have, as rows come in and leave; values as `numbered`."""

    def __init__(self, numbers: np.ndarray) -> None:
        self._single = numbers == 1
        self._rows = np.flatnonzero(numbers > 1)
        self._codes = numbers[self._rows] - np.uint32(2)
        self._groups = int(self._codes.max()) + 1 if len(self._codes) else 0

    def count(self, alive: np.ndarray) -> int:
        """Shape (rows,), bool."""
        alone = int(np.count_nonzero(alive & self._single))
        if not self._groups:
            return alone
        seen = np.zeros(self._groups, bool)
        seen[self._codes[alive[self._rows]]] = True
        return alone + int(np.count_nonzero(seen))
