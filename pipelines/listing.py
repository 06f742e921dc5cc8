"""The first stage: whatever the input is, cut into shards of rows that are asked for.

It runs in the driver, as a stream. Shards that come out with the same content as before keep their entry,
so a list that grew at its end leaves the old shards' downloads as they are. A shard whose images lie in the
user's files is bound to the bytes of those files: a table or tar that was changed in its place is read anew.

A URL that a list holds several times is asked for once: the rows behind its first go to shards of their own
(pipelines/repeats.py).
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, canonical_json, sha256, table_bytes
from curate.manifest import Entry, Manifest
from curate.uid import fingerprint
from pipelines import repeats
from pipelines.engine.unit import MAX_BYTES
from pipelines.inputs import images, img2dataset, places, table, urls, webdataset
from pipelines.inputs.rows import tables
from pipelines.recipe import Recipe
from pipelines.seen import Seen, key_of
from pipelines.workspace import INPUT, LOGS, SOURCES, Workspace

VERSION = 3
PROMISED = [name for name in (c.SHA256, c.EXPECTED_SHA256) if name in c.INPUT.names]  # what the bytes shall be
READERS: dict[str, ModuleType] = {
    "urls": urls,
    "table": table,
    "webdataset": webdataset,
    "img2dataset": img2dataset,
    "images": images,
}


def list_input(recipe: Recipe, workspace: Workspace, advance: Callable[[int], None]) -> int:
    """Write `input/` unless it is as the input says already. Returns the number of rows asked for."""
    kind, reader = recipe.input.kind, READERS[recipe.input.kind]
    manifest = workspace.manifest(INPUT)
    contents = _contents(reader.sources(recipe.input), workspace)
    mark = fingerprint(VERSION, kind, recipe.samples_per_shard, reader.columns(recipe.input), list(contents.items()))
    same = manifest.entries and all(entry.fingerprint == mark for entry in manifest.entries.values())
    if same and all(manifest.damage(shard) is None for shard in manifest.entries):
        return manifest.rows()
    workspace.folder.sweep(INPUT)
    before, manifest.entries = Manifest(workspace.folder, INPUT, manifest.entries), {}
    for shard, rows in _shards(recipe, workspace, contents):
        data = table_bytes(rows)
        record = {f"{shard}.parquet": {"sha256": sha256(data), "bytes": len(data)}}
        known = before.entries.get(shard)
        if known is None or known.files != record or before.damage(shard) is not None:
            workspace.folder.write(f"{INPUT}/{shard}.parquet", data)
        manifest.entries[shard] = Entry(mark, rows.num_rows, {"asked": rows.num_rows}, record)
        advance(rows.num_rows)
    if not manifest.entries:
        raise InputError(
            f"the input is empty: no row in {_named(recipe)}",
            "check `input` in the recipe; curate check shows its rows",
        )
    for shard in sorted(set(before.entries) - set(manifest.entries)):
        workspace.folder.remove(f"{INPUT}/{shard}.parquet")
    manifest.save()
    return manifest.rows()


def _shards(recipe: Recipe, workspace: Workspace, contents: dict[str, str]) -> Iterator[tuple[str, pa.Table]]:
    """The shards of the input by name."""
    most = recipe.samples_per_shard
    if recipe.input.kind != "urls":
        for number, shard in enumerate(shards(READERS[recipe.input.kind].read(recipe.input), most)):
            yield f"{number:05d}", _bound(shard, contents)
        return
    with _scratch(workspace.folder) as place:
        yield from once(urls.read_tables(recipe.input), most, Seen(place))


@contextmanager
def _scratch(folder: Folder) -> Iterator[Path]:
    """A folder for a while: in the run's own, where there is room for it; for a run that lies elsewhere, here."""
    if not folder.local:
        with tempfile.TemporaryDirectory(prefix="curate-") as made:
            yield Path(made)
        return
    place = Path(folder.path(f"{LOGS}/seen"))
    shutil.rmtree(place, ignore_errors=True)  # of a process that was killed
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _contents(paths: list[str], workspace: Workspace) -> dict[str, str]:
    """path -> sha256 of its bytes. What was hashed before is noted in the logs: 100 GB of tars are read once."""
    folder, seen = workspace.folder, {}
    if folder.local and folder.exists(SOURCES):
        try:
            seen = {path: (mark, digest) for path, (mark, digest) in json.loads(folder.read(SOURCES)).items()}
        except (ValueError, TypeError, AttributeError):
            seen = {}  # a note, and no more: without it all is hashed
    found = places.contents(paths, seen)
    if folder.local and found != seen:
        folder.write(SOURCES, canonical_json(found))
    return {path: digest for path, (_, digest) in found.items()}


def _bound(rows: pa.Table, contents: dict[str, str]) -> pa.Table:
    """The rows, and in the table's metadata one hash over the files that their images are read from."""
    tars = [tar for tar in rows.column(c.TAR).unique().to_pylist() if tar is not None]
    paths = {tar.removeprefix(table.BYTES_FROM).removeprefix(images.BYTES_FROM) for tar in tars}
    if not paths:
        return rows
    return rows.replace_schema_metadata({"images": fingerprint([(path, contents[path]) for path in sorted(paths)])})


def _named(recipe: Recipe) -> str:
    given = getattr(recipe.input, recipe.input.kind)
    return given if isinstance(given, str) else str(given)


def shards(rows: Iterator[dict[str, Any]], most: int) -> Iterator[pa.Table]:
    """Tables of at most `most` rows, and at most 256 MB where the sizes of the images are known.

    Samples that share an image stay in one shard, unless they alone are more than one holds.
    """
    held: list[pa.Table] = []
    for batch in tables(rows):
        held.append(batch)
        if sum(t.num_rows for t in held) >= 2 * most:
            whole = pa.concat_tables(held)
            while whole.num_rows >= 2 * most:
                cut = _cut(whole, most)
                yield whole.slice(0, cut).combine_chunks()
                whole = whole.slice(cut)
            held = [whole]
    whole = pa.concat_tables(held) if held else c.INPUT.empty_table()
    while whole.num_rows:
        cut = _cut(whole, most)
        yield whole.slice(0, cut).combine_chunks()
        whole = whole.slice(cut)


def once(batches: Iterable[pa.Table], most: int, seen: Seen) -> Iterator[tuple[str, pa.Table]]:
    """Shards of at most `most` rows by name: the first row of every URL, and the repeats, each in the list's order."""
    firsts, repeated = _Filling("", most), _Filling(repeats.PREFIX, most)
    for batch in batches:
        found = seen.firsts(list(_keys(batch)))
        again = [first for first in found if first is not None]
        yield from firsts.add(batch.filter(pa.array([first is None for first in found])))
        rows = batch.filter(pa.array([first is not None for first in found]))
        names = [f"{first // most:05d}" for first in again]
        yield from repeated.add(repeats.pointing(rows, names, [first % most for first in again]))
    yield from firsts.rest()
    yield from repeated.rest()


def _keys(batch: pa.Table) -> Iterator[bytes | None]:
    """What a row asks for; None for one that asks for nothing, which is like no other."""
    urls, promised = batch.column(c.URL).to_pylist(), [batch.column(name).to_pylist() for name in PROMISED]
    for url, *promises in zip(urls, *promised, strict=True):
        yield None if url is None else key_of(url, *(promise or "" for promise in promises))


class _Filling:
    """Rows come in, and whole shards go out."""

    def __init__(self, prefix: str, most: int) -> None:
        self.prefix, self.most, self.number = prefix, most, 0
        self.held = c.INPUT.empty_table()

    def add(self, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        self.held = pa.concat_tables([self.held, rows])
        while self.held.num_rows >= self.most:
            yield self._take()

    def rest(self) -> Iterator[tuple[str, pa.Table]]:
        if self.held.num_rows:
            yield self._take()

    def _take(self) -> tuple[str, pa.Table]:
        shard, self.held = self.held.slice(0, self.most), self.held.slice(self.most)
        self.number += 1
        return f"{self.prefix}{self.number - 1:05d}", shard.combine_chunks()


def _cut(table: pa.Table, most: int) -> int:
    """How many of the first rows make the next shard."""
    head = table.slice(0, most + 1)
    sizes = head.column(c.SIZE).to_pylist()
    cut, total = 0, 0
    for size in sizes[:most]:
        total += size or 0
        if cut and total > MAX_BYTES:
            break
        cut += 1
    if cut == table.num_rows:
        return cut
    keys = list(zip(*(head.column(n).to_pylist() for n in (c.TAR, c.SOURCE, c.ROW)), strict=True))
    last = cut
    while last > 0 and last < len(keys) and keys[last][0] is not None and keys[last] == keys[last - 1]:
        last -= 1
    return last or cut
