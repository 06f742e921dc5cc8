"""Web pages to a list of image URLs and alt-texts: every file is read by a worker, then repeated rows are left out.

`parts/` keeps all rows of each unit; the list beside it has of every (url, caption) the first row, in the order of
the files and of their bytes. Both have manifests: what is there and verifies is not made again.
"""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import InputError, MachineError, QuarantineError
from curate.files import ATTEMPT, Folder, open_parquet, sha256
from curate.manifest import Entry, Manifest
from curate.uid import fingerprint
from pipelines.context import Context, drop_stale, session
from pipelines.engine.unit import MAX_ROWS, Unit
from pipelines.extract.inputs import File, files_of, paths_of
from pipelines.extract.rows import COLUMNS, KEY, Counts
from pipelines.extract.sources import Options
from pipelines.extract.task import CRASHED, PARTS, VERSION, ExtractTask
from pipelines.extract.unique import First
from pipelines.progress import Progress
from pipelines.recipe import Engine, Input, Recipe

UNIT_BYTES = 64_000_000  # of files that are smaller than that together
SLOWEST = 500_000  # bytes per second; a worker that is slower is taken to hang
WRITTEN, DUPLICATE = "written", "duplicate"
OWN = {PARTS, "logs", "manifest.json"}
SORTING = ".unique-"  # a folder that is there while repeated rows are looked for


@dataclass
class Extracted:
    """What came of it: `images` is `rows` and all that was `dropped` of them; `records` are what is no image."""

    out: str
    files: int = 0
    pages: int = 0
    images: int = 0
    rows: int = 0
    dropped: dict[str, int] = field(default_factory=dict)  # images
    records: dict[str, int] = field(default_factory=dict)  # damaged, too_large, skipped
    troubles: dict[str, str] = field(default_factory=dict)  # file -> what is wrong with it
    made: int = 0


def extract(patterns: list[str], out: str, options: Options, engine: Engine, progress: Progress) -> Extracted:
    """Write `out`/*.parquet. Raises InputError, MachineError, QuarantineError or Interrupted."""
    paths = paths_of(patterns)
    if options.page is not None and len(paths) > 1:
        raise InputError(f"--page is the URL of one file; these are {len(paths):,}", "name one file, or leave it out")
    recipe = Recipe(name="extract", run_dir=out, input=Input(urls=patterns), engine=engine)
    _refuse_other_things(Folder(out))
    with session(recipe, progress) as context:
        units = units_of(files_of(paths, context.folder), options)
        slowest = max(sum(file.size for file in unit.spec) for unit in units) / SLOWEST
        patient = engine.model_copy(update={"stall": max(engine.stall, slowest)})
        todo = [_with_paths(unit) for unit in units]
        replace(context, recipe=recipe.model_copy(update={"engine": patient})).drive(
            "extract", todo, [PARTS], ExtractTask(options)
        )
        drop_stale(context.workspace.manifest(PARTS), {unit.shard for unit in units})
        context.made["unique"] += _write_list(context)
        return _summary(context, out)


def units_of(files: list[File], options: Options) -> list[Unit]:
    """A unit for each file of some size, one for small files that follow each other. `spec` is of `File`s."""
    groups: list[list[File]] = []
    size = 0
    for file in files:
        if not groups or size + file.size > UNIT_BYTES or len(groups[-1]) >= MAX_ROWS:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.size
    marks = [fingerprint(VERSION, options, [(file.path, file.identity) for file in group]) for group in groups]
    numbered = enumerate(zip(groups, marks, strict=True))
    return [Unit("extract", f"{i:05d}", len(group), {PARTS: mark}, group) for i, (group, mark) in numbered]


def _with_paths(unit: Unit) -> Unit:
    return Unit(unit.stage, unit.shard, unit.rows, unit.fingerprints, [file.path for file in unit.spec])


def _refuse_other_things(folder: Folder) -> None:
    there = [name for name in folder.names() if not name.startswith((".", ATTEMPT))]
    if (there and not OWN & set(there)) or "recipe.yaml" in there:
        raise MachineError(
            f"{folder.url()}: holds other things ({', '.join(there[:3])})", "name a folder of its own with --out"
        )


def _write_list(context: Context) -> int:
    """Write what is missing of the list; returns how many of its files. A part's rows depend on it and those before."""
    folder, parts = context.folder, context.workspace.manifest(PARTS)
    manifest = context.workspace.manifest("")
    marks, before = {}, ""
    for shard, entry in sorted(parts.entries.items()):
        before = marks[shard] = fingerprint(VERSION, before, entry.content())
    for shard in sorted(set(manifest.entries) - set(marks)):  # the list was longer before
        for base in manifest.entries.pop(shard).files:
            folder.remove(base)
        manifest.save()
    todo = [shard for shard, mark in marks.items() if _lacks(manifest, shard, mark)]
    context.progress.stage("unique", len(marks))
    if todo:
        for name in folder.names():
            if name.startswith(SORTING) and folder.local:
                shutil.rmtree(folder.path(name), ignore_errors=True)  # of a process that was killed
        with tempfile.TemporaryDirectory(prefix=SORTING, dir=folder.path() if folder.local else None) as room:
            _filter(context, manifest, marks, set(todo), room)
    context.progress.end(
        f"{manifest.states().get(WRITTEN, 0):,} rows, {manifest.states().get(DUPLICATE, 0):,} repeated"
    )
    return len(todo)


def _lacks(manifest: Manifest, shard: str, mark: str) -> bool:
    entry = manifest.entries.get(shard)
    return entry is None or entry.fingerprint != mark or manifest.damage(shard) is not None


def _filter(context: Context, manifest: Manifest, marks: dict[str, str], todo: set[str], room: str) -> None:
    folder = context.folder
    first, lengths = First(room, _row_count(folder, list(marks))), {}
    for shard in marks:
        context.stop.check()
        lengths[shard] = 0
        for batch in _batches(folder, shard, [KEY]):
            first.add(batch.column(0).to_pylist())
            lengths[shard] += batch.num_rows
    new, start = first.find(), 0
    for shard, mark in marks.items():
        context.stop.check()
        if shard in todo:
            keep = new[start : start + lengths[shard]]
            data = _kept(folder, shard, pa.array(keep))
            folder.write(f"{shard}.parquet", data)
            written = int(keep.sum())
            states = {WRITTEN: written, DUPLICATE: len(keep) - written}
            record = {f"{shard}.parquet": {"sha256": sha256(data), "bytes": len(data)}}
            manifest.entries[shard] = Entry(mark, len(keep), states, record)
            manifest.save()
        start += lengths[shard]
        context.progress.advance(1)


def _file(folder: Folder, shard: str) -> pq.ParquetFile:
    name = f"{PARTS}/{shard}.parquet"
    return open_parquet(folder.path(name) if folder.local else pa.BufferReader(folder.read(name)))


def _row_count(folder: Folder, shards: list[str]) -> int:
    total = 0
    for shard in shards:
        with _file(folder, shard) as file:
            total += file.metadata.num_rows
    return total


def _batches(folder: Folder, shard: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with _file(folder, shard) as file:
        yield from file.iter_batches(batch_size=1 << 16, columns=columns)


def _kept(folder: Folder, shard: str, keep: pa.Array) -> bytes:
    sink, at = BytesIO(), 0
    with pq.ParquetWriter(sink, COLUMNS, compression="zstd", write_page_checksum=True) as writer:
        for batch in _batches(folder, shard, COLUMNS.names):
            kept = batch.filter(keep.slice(at, batch.num_rows))
            at += batch.num_rows
            if kept.num_rows:
                writer.write_batch(kept)
    return sink.getvalue()


def _summary(context: Context, out: str) -> Extracted:
    parts, states = context.workspace.manifest(PARTS), context.workspace.manifest("").states()
    counts, troubles = Counts(), {}
    for shard in sorted(parts.entries):
        about = context.folder.read_json(f"{PARTS}/{shard}.json")
        counts.add(Counts(**about["counts"]))
        troubles.update(about["troubles"])
    if not counts.pages:
        path, why = next(iter(troubles.items()), ("", ""))
        raise InputError(
            f"no page is in these {parts.rows():,} files"
            + (f"; the first that is damaged: {path}: {why}" if why else ""),
            "give WARC, WAT or HTML files",
        )
    found = asdict(counts)
    dropped = {"no_alt": counts.no_alt, "bad_url": counts.bad_url, "duplicate": states.get(DUPLICATE, 0)}
    records = {name: found[name] for name in ("damaged", "too_large", "skipped")}
    made = sum(context.made.values())
    rows = states.get(WRITTEN, 0)
    summary = Extracted(out, parts.rows(), counts.pages, counts.images, rows, dropped, records, troubles, made)
    if parts.states().get(CRASHED):
        raise QuarantineError(
            f"{parts.states()[CRASHED]} files could not be read, or ended every process that read them;"
            " the rows of the others are written",
            f"{context.folder.url('logs/attempts.json')} names them; take them off the list, or report them",
        )
    return summary
