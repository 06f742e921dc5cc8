"""The filters' answer for a run: columns in, `subset.parquet`, `subset.npy` and `funnel.json` out."""

import tempfile
from collections.abc import Iterable
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from curate import schema as c
from curate.corpus import Tables
from curate.files import Content, canonical_json, content_sha256
from curate.filters.rule import Filter
from curate.manifest import Entry
from curate.signal_store import Columns, pass_folder
from curate.subset import NEEDS, Subset, decide
from curate.uid import fingerprint
from pipelines.columns import passes, read_by_filters, wanted
from pipelines.corpus import whole_tables
from pipelines.recipe import Recipe
from pipelines.workspace import FUNNEL, POOL, SUBSET, SUBSET_IDS, Workspace

VERSION = 3
IN_MEMORY = 64 << 20  # bytes of a file that is written
ENTRY = "subset"


def answer(recipe: Recipe, workspace: Workspace, frame: pl.DataFrame | None = None) -> Subset:
    """Ask the recipe's filters, from what is stored; nothing is measured and nothing is written."""
    if frame is None:
        frame = read(recipe, workspace)
    return decide(frame, recipe.filters, tables(recipe, workspace))


def again(recipe: Recipe, workspace: Workspace, repeated: np.ndarray) -> Subset:
    """The same, for a pool that was decided upon before: `repeated` are the rows that `input.repeated` dropped.

    Then no row's uid is looked at, unless a filter reads it: of ten million they take as long as all the rest.
    """
    needs = {c.ORIGIN, c.OUTCOME, c.SHA256} | ({c.IMAGE_UID} if any(item.appends for item in recipe.filters) else set())
    folders = wanted(recipe, {*needs, *read_by_filters(recipe)})
    frame = Columns(workspace.folder).frame(dict(folders.items()))
    return decide(frame, recipe.filters, tables(recipe, workspace), repeated)


def read(recipe: Recipe, workspace: Workspace, more: Iterable[str] = ()) -> pl.DataFrame:
    """The columns that the filters read, and `more`."""
    folders = wanted(recipe, {*NEEDS, *read_by_filters(recipe), *more})
    return Columns(workspace.folder).frame(dict(folders.items()))


def tables(recipe: Recipe, workspace: Workspace) -> dict[str, Tables]:
    compared = {work.name for item in recipe.filters for work in item.passes()}
    return {work.name: whole_tables(workspace.folder, work) for work in passes(recipe) if work.name in compared}


def mark(recipe: Recipe, workspace: Workspace) -> str:
    """Fingerprint of the answer: the rules, and the content of every folder that they read."""
    folders = set(wanted(recipe, {*NEEDS, *read_by_filters(recipe)})) | {POOL}
    folders |= {pass_folder(work.name) for item in recipe.filters for work in item.passes()}
    contents = [(under, workspace.manifest(under).content()) for under in sorted(folders)]
    return fingerprint(VERSION, [_rules(item) for item in recipe.filters], contents)


def _rules(item: Filter) -> tuple[object, ...]:
    """A path is none of what a filter is: the file's content is, by `identity`."""
    parts = item.parts()
    own = item.model_dump_json(exclude=set(item.paths) | ({"items"} if parts else set()))
    return item.type, own, item.identity(), *map(_rules, parts)


def publish(recipe: Recipe, workspace: Workspace) -> bool:
    """Write the answer unless it is there already. True if it was written."""
    root, now = workspace.manifest(""), mark(recipe, workspace)
    entry = root.entries.get(ENTRY)
    if entry is not None and entry.fingerprint == now and root.damage(ENTRY) is None:
        return False
    subset = answer(recipe, workspace)
    files: dict[str, Content] = {
        SUBSET: _parquet(subset),
        SUBSET_IDS: _array(subset.uids()),
        FUNNEL: canonical_json([row.as_dict() for row in subset.funnel]),
    }
    records = {}
    for name, data in files.items():
        workspace.folder.publish(workspace.folder.stage(name, "answer", data), name)
        digest, size = content_sha256(data)
        records[name] = {"sha256": digest, "bytes": size}
    states = {"kept": subset.kept, "dropped": subset.rows - subset.kept}
    root.entries[ENTRY] = Entry(now, subset.rows, states, records)
    root.save()
    return True


def _parquet(subset: Subset) -> IO[bytes]:
    """What `curate.files.table_bytes` gives, a row group at a time."""
    sink = _file()
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "store_schema": True}
    with pq.ParquetWriter(sink, c.SUBSET, **options) as writer:
        for batch in subset.batches():
            writer.write_batch(batch)
    return sink


def _array(values: np.ndarray) -> IO[bytes]:
    sink = _file()
    np.save(sink, values, allow_pickle=False)
    return sink


def _file() -> Any:
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)
