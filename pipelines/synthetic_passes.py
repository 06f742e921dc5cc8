"""Corpus passes about texts, of the texts that captioners wrote.

A pass that only looks a text up (`concepts`, `phrases`) looks in its tables of the pool. One that counts texts
(`alt_text_counts`) counts those of the pool and of the captioners up to the text's own together, so that a captioner
which says one thing of every image is found out; the counts of the pool's own texts stay those of the pool.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from curate.corpus import CorpusPass, Tables
from curate.files import Folder, table_bytes
from curate.signal_store import family_folder, pass_folder, states
from curate.signals.plain import PLAIN
from curate.uid import fingerprint
from pipelines import corpus
from pipelines.context import Context, drop_stale
from pipelines.engine.unit import Part, Unit
from pipelines.synthetic import Appended, home, number_of
from pipelines.workspace import POOL, SYNTHETIC, Workspace

OF_TEXTS = frozenset([POOL, *(family_folder(signal.family) for signal in PLAIN if not signal.reads_images)])


def run(context: Context, works: Sequence[CorpusPass], captioners: int) -> None:
    """The per-sample columns of these passes for the texts of the first so many captioners."""
    task = SyntheticPassTask(context.folder, {work.name: work for work in works}, captioners)
    for work in works:
        under = home(pass_folder(work.name))
        for step in (corpus.MERGE, corpus.SPREAD) if work.counts_texts else (corpus.SPREAD,):
            units = list(_units(context.workspace, work, step, captioners))
            stall = corpus.WHOLE_POOL if step == corpus.MERGE else None
            context.drive(f"texts {work.name} {step}", units, [under], task, stall=stall)
        manifest, texts = context.workspace.manifest(under), context.workspace.manifest(SYNTHETIC).entries
        drop_stale(manifest, {*texts, *(name for name in manifest.entries if name.startswith(corpus.WHOLE))})


def whole_name(number: int) -> str:
    """The entry with the tables of the pool and the texts of the captioners up to the `number`-th."""
    return f"{corpus.WHOLE}.{number}" if number else corpus.WHOLE


def _units(workspace: Workspace, work: CorpusPass, step: str, captioners: int) -> Iterator[Unit]:
    under, mark = home(pass_folder(work.name)), (work.name, work.version, work.identity())
    texts = workspace.manifest(SYNTHETIC)
    if step == corpus.MERGE:
        number = captioners - 1
        pool = workspace.manifest(f"{pass_folder(work.name)}/partial")
        read = [(shard, entry.content()) for shard, entry in sorted(pool.entries.items())]
        read += [(shard, texts.entries[shard].content()) for shard in Appended(workspace, captioners).entries]
        yield Unit(under, whole_name(number), 1, {under: fingerprint(step, *mark, read)}, (step, work.name))
        return
    inputs = [workspace.manifest(home(folder)) for folder in work.reads]
    for shard in Appended(workspace, captioners).entries:
        whole = _whole_of(workspace, work, shard)
        content = [manifest.entries[shard].content() for manifest in inputs if shard in manifest.entries]
        made = fingerprint(step, *mark, whole, content)
        yield Unit(under, shard, texts.entries[shard].rows, {under: made}, (step, work.name))


def _whole_of(workspace: Workspace, work: CorpusPass, shard: str) -> str:
    if work.counts_texts:
        entries = workspace.manifest(home(pass_folder(work.name))).entries
        return entries[whole_name(number_of(shard))].content()
    return workspace.manifest(pass_folder(work.name)).entries[corpus.WHOLE].content()


@dataclass
class SyntheticPassTask:
    """`spec` of a unit is (step, name of the pass)."""

    folder: Folder
    passes: Mapping[str, CorpusPass]
    captioners: int
    _whole: dict[tuple[str, int], Tables] = field(default_factory=dict)

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        step, name = unit.spec
        work, under = self.passes[name], unit.stage
        if step == corpus.MERGE:
            self._whole.clear()
            files = corpus.files_of(f"{unit.shard}.", work.merge(self._partials(work)))
            return [Part(under, unit.rows, {"merged": unit.rows}, files)]
        table = work.per_sample(self._tables(work, number_of(unit.shard)), self._frame(work, unit.shard))
        assert table is not None
        return [Part(under, unit.rows, states(table), {f"{unit.shard}.parquet": table_bytes(table)})]

    def _partials(self, work: CorpusPass) -> Iterator[Tables]:
        under = f"{pass_folder(work.name)}/partial"
        for _, entry in sorted(Workspace(self.folder).manifest(under).entries.items()):
            yield corpus.stored_tables(self.folder, under, entry)
        for shard in Appended(Workspace(self.folder), self.captioners).entries:
            yield work.partial(self._frame(work, shard))

    def _tables(self, work: CorpusPass, number: int) -> Tables:
        """Of the pass that is being spread: read once in a worker."""
        key = (work.name, number if work.counts_texts else 0)
        if key not in self._whole:
            self._whole = {key: self._read(work, number)}
        return self._whole[key]

    def _read(self, work: CorpusPass, number: int) -> Tables:
        if not work.counts_texts:
            return corpus.whole_tables(self.folder, work)
        under = home(pass_folder(work.name))
        return corpus.stored_tables(
            self.folder, under, Workspace(self.folder).manifest(under).entries[whole_name(number)]
        )

    def _frame(self, work: CorpusPass, shard: str) -> pl.DataFrame:
        return Appended(Workspace(self.folder)).frame(shard, work.reads, OF_TEXTS)
