"""The filters' answer for a run: columns in, `subset.parquet`, `subset.npy` and `funnel.json` out."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.corpus import Tables
from curate.files import Content, canonical_json, content_sha256
from curate.filters.rule import Filter
from curate.manifest import Entry
from curate.signal_store import Columns, pass_folder
from curate.subset import CHUNK, NEEDS, WHO, Subset, decide, in_reach
from curate.uid import UID_DTYPE, fingerprint, pack_uids, sort_uids
from pipelines.column_cache import ColumnCache
from pipelines.columns import passes, read_by_filters, wanted
from pipelines.corpus import whole_tables
from pipelines.recipe import Recipe
from pipelines.synthetic import Appended, read_after, text_folders
from pipelines.workspace import FUNNEL, POOL, SUBSET, SUBSET_IDS, Workspace

VERSION = 3
IN_MEMORY = 64 << 20  # bytes of a file that is written
ENTRY = "subset"
ANSWERED = "pool"  # the entry without files whose fingerprint is the content of the pool that was answered of


def answer(recipe: Recipe, workspace: Workspace) -> Subset:
    """Ask the recipe's filters, from what is stored; nothing is measured, and nothing but the cache is written.

    What only says who a row is, is not read again: of ten million rows it is most of the bytes.
    """
    cache, folders, appended = ColumnCache(workspace.folder), _folders(recipe), Appended(workspace)
    known, frame = cache.known(), cache.frame(folders)
    if appended.rows:
        frame = appended.join(frame, folders, text_folders(recipe), read_after(recipe))
        known = appended.known(known)
    return decide(frame, recipe.filters, tables(recipe, workspace), known)


def in_reach_of(recipe: Recipe, workspace: Workspace, place: int, number: int) -> np.ndarray:
    """int64, ascending: the pool rows, counted in the whole pool, that stand for the images which the item at `place`
    has captioned: of an image the first that is in reach itself, else, where only texts of other captioners are, the
    first of their rows. The item's captioner is the `number`-th.
    """
    item, before = recipe.filters[place], recipe.model_copy(update={"filters": recipe.filters[:place]})
    cache, appended = ColumnCache(workspace.folder), Appended(workspace, number)
    folders: dict[str, Sequence[str]] = dict(wanted(before, {c.IMAGE_UID, *read_by_filters(before)}))
    frame, known = cache.frame(folders), cache.known()
    rows, row = len(frame), "row"
    if appended.rows:
        frame = appended.join(frame, folders, text_folders(before), read_after(before))
        known = appended.known(known)
    found = decide(frame, before.filters, tables(before, workspace), known, follows=True)
    reached = np.flatnonzero(in_reach(item, found.keep, found.open))
    order = np.concatenate([np.arange(rows), rows + appended.positions])[reached]
    mine = pl.DataFrame({c.IMAGE_UID: frame[c.IMAGE_UID].gather(reached), row: order})
    return np.sort(mine.group_by(c.IMAGE_UID).agg(pl.col(row).min())[row].to_numpy() % max(rows, 1))


def _folders(recipe: Recipe) -> dict[str, Sequence[str]]:
    """What `answer` reads: folder -> columns."""
    appended = {c.IMAGE_UID} if any(item.writer for item in recipe.filters) else set()
    # Rules without columns too are asked of rows: there is one column at least.
    return dict(wanted(recipe, {*appended, *read_by_filters(recipe)} or {c.ROW}))


def read(recipe: Recipe, workspace: Workspace, more: Iterable[str] = ()) -> pl.DataFrame:
    """The columns that the filters read, those that say who a row is, and `more`; synthetic rows come last."""
    folders: dict[str, Sequence[str]] = dict(wanted(recipe, {*NEEDS, *read_by_filters(recipe), *more}))
    frame, appended = ColumnCache(workspace.folder).frame(folders), Appended(workspace)
    return appended.join(frame, folders, text_folders(recipe), ()) if appended.rows else frame


def tables(recipe: Recipe, workspace: Workspace) -> dict[str, Tables]:
    compared = {work.name for item in recipe.filters for work in item.passes()}
    return {work.name: whole_tables(workspace.folder, work) for work in passes(recipe) if work.name in compared}


def mark(recipe: Recipe, workspace: Workspace) -> str:
    """Fingerprint of the answer: the rules, and the content of every folder that they read."""
    folders = set(wanted(recipe, {*NEEDS, *read_by_filters(recipe)})) | {POOL}
    folders |= {pass_folder(work.name) for item in recipe.filters for work in item.passes()}
    contents = [(under, workspace.manifest(under).content()) for under in sorted(folders)]
    contents += Appended(workspace).contents(folders & text_folders(recipe))
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
    who = chain(Columns(workspace.folder).chunks({POOL: list(WHO)}, CHUNK), Appended(workspace).who(WHO))
    table, ids = _written(subset, who)
    files: dict[str, Content] = {
        SUBSET: table,
        SUBSET_IDS: _array(ids),
        FUNNEL: canonical_json([row.as_dict() for row in subset.funnel]),
    }
    records = {}
    for name, data in files.items():
        workspace.folder.publish(workspace.folder.stage(name, "answer", data), name)
        digest, size = content_sha256(data)
        records[name] = {"sha256": digest, "bytes": size}
    states = {"kept": subset.kept, "dropped": subset.rows - subset.kept}
    root.entries[ENTRY] = Entry(now, subset.rows, states, records)
    root.entries[ANSWERED] = Entry(workspace.manifest(POOL).content(), 0, {}, {})
    root.save()
    return True


def _written(subset: Subset, who: Iterator[pa.Table]) -> tuple[IO[bytes], np.ndarray]:
    """What `curate.files.table_bytes` gives of the subset's table, a row group at a time; and `Subset.uids`."""
    sink = _file()
    kept: list[np.ndarray] = [np.empty(0, UID_DTYPE)]
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True, "store_schema": True}
    with pq.ParquetWriter(sink, c.SUBSET, **options) as writer:
        start = 0
        for piece in who:
            frame = pl.from_arrow(piece)
            assert isinstance(frame, pl.DataFrame)
            batch = subset.batch(start, frame)
            writer.write_batch(batch)
            rows = np.flatnonzero(subset.keep[start : start + len(batch)])
            uids = pack_uids(frame[c.UID].gather(rows))
            kept.append(np.repeat(uids, subset.copies[start + rows]))
            start += len(batch)
    return sink, sort_uids(np.concatenate(kept))


def _array(values: np.ndarray) -> IO[bytes]:
    sink = _file()
    np.save(sink, values, allow_pickle=False)
    return sink


def _file() -> Any:
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)
