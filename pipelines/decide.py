"""The filters' answer for a run: columns in, `subset.parquet`, `subset.npy` and `funnel.json` out."""

import io
from collections.abc import Iterable

import numpy as np
import polars as pl

from curate.corpus import Tables
from curate.files import canonical_json, sha256, table_bytes
from curate.manifest import Entry
from curate.signal_store import Columns, pass_folder
from curate.subset import NEEDS, Subset, datacomp_uids, decide
from curate.uid import fingerprint
from pipelines.columns import passes, read_by_filters, wanted
from pipelines.corpus import whole_tables
from pipelines.recipe import Recipe
from pipelines.workspace import FUNNEL, POOL, SUBSET, SUBSET_IDS, Workspace

VERSION = 2
ENTRY = "subset"


def answer(recipe: Recipe, workspace: Workspace, frame: pl.DataFrame | None = None) -> Subset:
    """Ask the recipe's filters, from what is stored; nothing is measured and nothing is written."""
    if frame is None:
        frame = read(recipe, workspace)
    return decide(frame, recipe.filters, tables(recipe, workspace))


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
    rules = [(item.type, item.model_dump_json(exclude=set(item.paths)), item.identity()) for item in recipe.filters]
    return fingerprint(VERSION, rules, contents)


def publish(recipe: Recipe, workspace: Workspace) -> bool:
    """Write the answer unless it is there already. True if it was written."""
    root, now = workspace.manifest(""), mark(recipe, workspace)
    entry = root.entries.get(ENTRY)
    if entry is not None and entry.fingerprint == now and root.damage(ENTRY) is None:
        return False
    subset = answer(recipe, workspace)
    ids = io.BytesIO()
    np.save(ids, datacomp_uids(subset.table), allow_pickle=False)
    files = {
        SUBSET: table_bytes(subset.table),
        SUBSET_IDS: ids.getvalue(),
        FUNNEL: canonical_json([row.as_dict() for row in subset.funnel]),
    }
    for name, data in files.items():
        workspace.folder.write(name, data)
    kept = sum(subset.table.column("keep").to_pylist())
    rows = subset.table.num_rows
    records = {name: {"sha256": sha256(data), "bytes": len(data)} for name, data in files.items()}
    root.entries[ENTRY] = Entry(now, rows, {"kept": kept, "dropped": rows - kept}, records)
    root.save()
    return True
