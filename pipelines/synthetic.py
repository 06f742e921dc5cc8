"""What captioners appended, as those who read a run see it: more rows, after those of the pool.

`synthetic/NNNNN.parquet` has the texts that the first captioner among the filters wrote for images of that pool
shard, `NNNNN.1.parquet` those of the second. What is measured of a text lies in `synthetic/signals/FAMILY` and
`synthetic/corpus/PASS`; a column that is about the image is read of the pool's row, for nobody measures it again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.filters.rule import Filter
from curate.manifest import Manifest
from curate.signals.plain import PLAIN
from curate.subset import Known
from pipelines.columns import passes
from pipelines.recipe import Recipe
from pipelines.workspace import POOL, SYNTHETIC, Workspace


def writers(recipe: Recipe) -> list[tuple[int, Filter]]:
    """The items at which a captioner's texts join, and their places among the filters: each captioner's first."""
    found: dict[str, tuple[int, Filter]] = {}
    for i, item in enumerate(recipe.filters):
        if item.writer is not None:
            found.setdefault(item.writer, (i, item))
    return list(found.values())


def text_folders(recipe: Recipe) -> set[str]:
    """The folders of a run whose columns are about the text, or the pair: a synthetic text has its own."""
    found = {POOL} | {f"signals/{signal.family}" for signal in PLAIN if not signal.reads_images}
    found |= {f"signals/{kind(name)}" for name in recipe.models for kind in (c.clip_score, c.match)}
    return found | {f"corpus/{work.name}" for work in passes(recipe) if work.of_texts}


def read_after(recipe: Recipe) -> set[str]:
    """The columns that are read of synthetic texts: by the first item that appends some, and those behind it."""
    first = min((i for i, _ in writers(recipe)), default=len(recipe.filters))
    return set().union(*(item.reads() for item in recipe.filters[first:]))


def shard_name(pool_shard: str, number: int) -> str:
    """Of the captioner that is the `number`-th among the filters, from 0."""
    return f"{pool_shard}.{number}" if number else pool_shard


def pool_shard(shard: str) -> str:
    return shard.partition(".")[0]


def number_of(shard: str) -> int:
    return int(shard.partition(".")[2] or 0)


@dataclass(frozen=True)
class Appended:
    """The synthetic rows of a run, in the order of the pool's shards. `captioners`: only of the first so many."""

    workspace: Workspace
    captioners: int | None = None

    @cached_property
    def entries(self) -> dict[str, int]:
        """shard -> rows."""
        found = self.workspace.manifest(SYNTHETIC).entries
        limit = self.captioners
        return {shard: found[shard].rows for shard in sorted(found) if limit is None or number_of(shard) < limit}

    @property
    def rows(self) -> int:
        return sum(self.entries.values())

    @cached_property
    def starts(self) -> dict[str, int]:
        """pool shard -> the number of its first row in the whole pool."""
        entries = sorted(self.workspace.manifest(POOL).entries.items())
        ends = np.cumsum([0, *(entry.rows for _, entry in entries)])
        return {shard: int(start) for (shard, _), start in zip(entries, ends, strict=False)}

    def places(self, shard: str) -> np.ndarray:
        """int64: the pool row of each synthetic row, counted in its shard."""
        return self._read(SYNTHETIC, shard, [c.ROW])[c.ROW].to_numpy()

    @cached_property
    def positions(self) -> np.ndarray:
        """int64: the pool row of each synthetic row, counted in the whole pool."""
        parts = [self.starts[pool_shard(shard)] + self.places(shard) for shard in self.entries]
        return np.concatenate([np.empty(0, np.int64), *parts])

    def column(self, under: str, name: str, *, needed: bool) -> pl.Series | None:
        """A column of a folder of texts; None where it is not there and not `needed`. Raises InputError where it is."""
        parts = [self.shard_column(under, name, shard, needed=needed) for shard in self.entries]
        there = [part for part in parts if part is not None]
        return pl.concat(there, rechunk=True) if len(there) == len(parts) and there else None

    def shard_column(self, under: str, name: str, shard: str, *, needed: bool) -> pl.Series | None:
        folder = home(under)
        entry = self._manifests(folder).entries.get(shard)
        if entry is None or entry.rows != self.entries[shard]:
            if needed:
                raise InputError(
                    f"{self.workspace.folder.url(folder)}: {shard} of the synthetic texts is not there yet",
                    "curate run RECIPE",
                )
            return None
        return self._read(folder, shard, [name])[name]

    def frame(self, shard: str, wanted: Mapping[str, Sequence[str]], texts: Collection[str]) -> pl.DataFrame:
        """Columns of one shard, as `Columns.shard` gives those of the pool; null where a text was not measured."""
        places = self.places(shard)
        found: dict[str, pl.Series] = {}
        for under, names in wanted.items():
            pool: pl.DataFrame | None = None
            for name in names:
                if under in texts:
                    column = self.shard_column(under, name, shard, needed=False)
                    found[name] = column if column is not None else self._nulls(under, name, len(places))
                    continue
                if pool is None:
                    pool = self._read(under, pool_shard(shard), list(names))
                found[name] = pool[name].gather(places)
        return pl.DataFrame({name: column.alias(name) for name, column in found.items()})

    def join(
        self, frame: pl.DataFrame, folders: Mapping[str, Sequence[str]], texts: Collection[str], needed: Collection[str]
    ) -> pl.DataFrame:
        """The pool's columns with the synthetic rows' below them; `captioner` beside them, where there are several.

        `needed`: columns that must be there of a text, too.
        """
        found: dict[str, pl.Series] = {}
        for under, names in folders.items():
            for name in names:
                pool = frame[name]
                own = self.column(under, name, needed=name in needed) if under in texts else None
                if own is not None:
                    own = own.cast(pool.dtype)
                elif under in texts:
                    own = pool.clear(self.rows)
                else:
                    own = pool.gather(self.positions)
                found[name] = pl.concat([pool, own.alias(name)], rechunk=False)
        wrote = self.column(POOL, c.CAPTIONER, needed=True)
        if wrote is not None:
            kind = pl.Enum(sorted(wrote.unique().to_list()))
            wrote = wrote.cast(kind)
            found[c.CAPTIONER] = pl.concat([wrote.clear(len(frame)), wrote], rechunk=False)
        return pl.DataFrame({name: column.alias(name) for name, column in found.items()})

    def known(self, known: Known) -> Known:
        """The same of the joined rows. An image is one however many of its texts there are."""
        alone = np.unique(self.positions[known.contents[self.positions] == 1])
        contents = known.contents.copy()
        contents[alone] = np.arange(len(alone), dtype=np.uint32) + max(2, int(contents.max(initial=0)) + 1)
        no = np.zeros(self.rows, bool)
        return replace(
            known,
            there=np.concatenate([known.there, no]),
            repeated=np.concatenate([known.repeated, no]),
            outcomes=np.concatenate([known.outcomes, np.zeros(self.rows, np.uint8)]),
            contents=np.concatenate([contents, contents[self.positions]]),
        )

    def who(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Columns of the tables themselves, a shard at a time."""
        for shard in self.entries:
            yield self.workspace.folder.read_table(f"{SYNTHETIC}/{shard}.parquet", list(columns))

    def contents(self, folders: Collection[str]) -> list[tuple[str, str]]:
        """(folder, content) of what lies here of these folders of the run, for a fingerprint."""
        if not self.entries:
            return []
        limit = self.captioners
        found = []
        for under in sorted(home(folder) for folder in folders):
            entries = self._manifests(under).entries
            some = [(s, e.content()) for s, e in sorted(entries.items()) if limit is None or number_of(s) < limit]
            found.append((under, repr(some)))
        return found

    def _manifests(self, under: str) -> Manifest:
        if under not in self._loaded:
            self._loaded[under] = self.workspace.manifest(under)
        return self._loaded[under]

    @cached_property
    def _loaded(self) -> dict[str, Manifest]:
        return {}

    def _read(self, under: str, shard: str, columns: list[str]) -> pl.DataFrame:
        found = pl.from_arrow(self.workspace.folder.read_table(f"{under}/{shard}.parquet", columns))
        assert isinstance(found, pl.DataFrame)
        return found

    def _nulls(self, under: str, name: str, rows: int) -> pl.Series:
        """As many nulls as the column of the pool has type for."""
        pool = next(iter(sorted(self.workspace.manifest(under).entries)))
        return self._read(under, pool, [name])[name].clear(rows)


def home(under: str) -> str:
    """Where a folder of texts lies for the synthetic ones."""
    return SYNTHETIC if under == POOL else f"{SYNTHETIC}/{under}"
