"""Clusters named for people: the words of their captions that tell them apart, by TF-IDF.

A word's weight in a cluster is the number of the cluster's captions that have it, times ln(captions / captions that
have it) over all clusters. A caption counts once per row of the pool. Words are those of `text_stats` with at least
two characters, a letter among them. Larger weight first, of equal ones the smaller word.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import ROWS, Tables
from curate.signals.text_stats import words

WORDS = 10
HELD = 5_000_000  # rows of counts before they are added up
COUNT, WORD, WEIGHT = "count", "word", "weight"


class Captions:
    """Passes the partials of a pass that gathers on, and lays their captions aside, in files of TMPDIR. A context."""

    def __init__(self, partials: Iterable[Tables]) -> None:
        self._partials = partials
        self._files = 0

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="curate-captions-")
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._folder.cleanup()

    def __iter__(self) -> Iterator[Tables]:
        for partial in self._partials:
            frame = partial[ROWS].select(c.IMAGE_UID, c.CAPTION).drop_nulls()
            frame.write_parquet(self._path(self._files))
            self._files += 1
            yield partial

    def names(self, uids: pl.Series, labels: np.ndarray) -> pl.DataFrame:
        """cluster, words (the best ten): a row per cluster that has captions. `labels` (n,) are those of `uids`."""
        clusters = pl.DataFrame({c.IMAGE_UID: uids, c.CLUSTER: labels.astype(np.int32)})
        held, rows, total = [_counts(_none())], 0, 0
        for number in range(self._files):
            frame = pl.read_parquet(self._path(number)).join(clusters, on=c.IMAGE_UID)
            held.append(_counts(frame))
            rows, total = rows + len(held[-1]), total + len(frame)
            if rows > HELD:
                held = [_added(held)]
                rows = 0
        return named(_added(held), total)

    def _path(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number}.parquet"


def named(counts: pl.DataFrame, captions: int) -> pl.DataFrame:
    """cluster, words. `counts`: cluster, word, count (captions of the cluster with that word)."""
    rarity = (pl.lit(float(captions)) / pl.col(COUNT).sum().over(WORD)).log()
    weighed = counts.with_columns((pl.col(COUNT) * rarity).alias(WEIGHT))
    ordered = weighed.sort(c.CLUSTER, WEIGHT, WORD, descending=[False, True, False])
    return ordered.group_by(c.CLUSTER, maintain_order=True).agg(pl.col(WORD).head(WORDS).alias(c.CLUSTER_WORDS))


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={c.CLUSTER: pl.Int32, c.CAPTION: pl.String})


def _counts(frame: pl.DataFrame) -> pl.DataFrame:
    each = frame.select(c.CLUSTER, words(pl.col(c.CAPTION)).list.unique().alias(WORD))
    each = each.explode(WORD, empty_as_null=False, keep_nulls=False)
    telling = (pl.col(WORD).str.len_chars() > 1) & pl.col(WORD).str.contains(r"\p{L}")
    return each.filter(telling).group_by(c.CLUSTER, WORD).agg(pl.len().cast(pl.Int64).alias(COUNT))


def _added(held: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(held).group_by(c.CLUSTER, WORD).agg(pl.col(COUNT).sum())
