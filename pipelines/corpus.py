"""Corpus passes on the engine: partials per shard, one merge, then per-sample columns per shard.

corpus/PASS/partial/NNNNN.TABLE.parquet, corpus/PASS/TABLE.parquet (entry `whole` of the manifest) and,
where the pass has per-sample columns, corpus/PASS/NNNNN.parquet in the pool's row order. A pass that gathers has
no partials: its merge reads the shards themselves, one at a time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from curate.corpus import ROWS, CorpusPass, Tables
from curate.files import Folder, table_bytes
from curate.manifest import Entry
from curate.signal_store import Columns, pass_folder, states
from curate.uid import fingerprint
from pipelines.engine.unit import Part, Unit
from pipelines.outside import outside_folder, outside_tables
from pipelines.workspace import POOL, Workspace

WHOLE = "whole"
PARTIAL, MERGE, SPREAD = "partial", "merge", "spread"
WHOLE_POOL = 86_400.0  # seconds that a merge may take: one unit of it reads the whole pool


@dataclass
class CorpusTask:
    """`spec` of a unit is (step, name of the pass, and for a merge the shards to merge)."""

    folder: Folder
    passes: Mapping[str, CorpusPass]
    _whole: dict[str, Tables] = field(default_factory=dict)  # of the pass that is being spread: read once in a worker

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        step, name, shards = unit.spec
        work, under = self.passes[name], pass_folder(name)
        if step == PARTIAL:
            tables = work.partial(self._frame(work, unit.shard))
            return [Part(f"{under}/partial", unit.rows, {"read": unit.rows}, files_of(f"{unit.shard}.", tables))]
        if step == MERGE:
            self._whole.clear()
            entries = Workspace(self.folder).manifest(f"{under}/partial").entries
            partials = (
                {ROWS: self._frame(work, shard)}
                if work.gathers
                else stored_tables(self.folder, f"{under}/partial", entries[shard])
                for shard in shards
            )
            tables = work.merge(partials, outside_tables(self.folder, work))
            return [Part(under, unit.rows, {"merged": unit.rows}, files_of("", tables))]
        if name not in self._whole:
            self._whole = {name: whole_tables(self.folder, work)}
        table = work.per_sample(self._whole[name], self._frame(work, unit.shard))
        assert table is not None
        return [Part(under, unit.rows, states(table), {f"{unit.shard}.parquet": table_bytes(table)})]

    def _frame(self, work: CorpusPass, shard: str) -> pl.DataFrame:
        return Columns(self.folder).shard(shard, dict(work.reads))


def whole_tables(folder: Folder, work: CorpusPass) -> Tables:
    """The merged tables of a pass."""
    under = pass_folder(work.name)
    return stored_tables(folder, under, Workspace(folder).manifest(under).entries[WHOLE])


def stored_tables(folder: Folder, under: str, entry: Entry) -> Tables:
    """The tables of an entry, whose files are [PREFIX.]TABLE.parquet."""
    return {name.removesuffix(".parquet").rpartition(".")[2]: _read(folder, f"{under}/{name}") for name in entry.files}


def _read(folder: Folder, name: str) -> pl.DataFrame:
    frame = pl.from_arrow(folder.read_table(name))
    assert isinstance(frame, pl.DataFrame)
    return frame


def files_of(prefix: str, tables: Tables) -> dict[str, bytes]:
    """A file for each of the tables."""
    return {f"{prefix}{name}.parquet": table_bytes(_plain(frame)) for name, frame in tables.items()}


def _plain(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def steps(work: CorpusPass) -> list[str]:
    return [*([] if work.gathers else [PARTIAL]), MERGE, *([] if work.schema is None else [SPREAD])]


def units(workspace: Workspace, work: CorpusPass, step: str) -> Iterator[Unit]:
    """All units of one step, whether or not they are done already; a step needs the one before it to be done."""
    under = pass_folder(work.name)
    pool = workspace.manifest(POOL)
    inputs = {folder: workspace.manifest(folder) for folder in work.reads}

    def content(shard: str) -> tuple[str, ...]:
        return tuple(inputs[folder].entries[shard].content() for folder in work.reads)

    mark = (work.name, work.version, work.identity())
    shards = tuple(sorted(pool.entries))
    if step == PARTIAL:
        for shard in shards:
            made = (work.name, work.version, work.partial_identity())
            marks = {f"{under}/partial": fingerprint(step, *made, *content(shard))}
            yield Unit(f"{under}/partial", shard, pool.entries[shard].rows, marks, (step, work.name, ()))
        return
    if step == MERGE:
        partials = workspace.manifest(f"{under}/partial")
        read = [content(shard) if work.gathers else partials.entries[shard].content() for shard in shards]
        outside = [workspace.manifest(outside_folder(one)).content() for one in work.outside()]
        yield Unit(under, WHOLE, 1, {under: fingerprint(step, *mark, *read, *outside)}, (step, work.name, shards))
        return
    whole = workspace.manifest(under).entries[WHOLE].content()
    for shard in shards:
        marks = {under: fingerprint(step, *mark, whole, *content(shard))}
        yield Unit(under, shard, pool.entries[shard].rows, marks, (step, work.name, ()))
