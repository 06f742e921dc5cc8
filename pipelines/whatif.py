"""Other thresholds on what was measured already: the old answer beside the new one, and no model runs."""

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.errors import InputError, RecipeError
from curate.files import open_parquet
from pipelines import corpus, decide
from pipelines.column_cache import ColumnCache
from pipelines.columns import passes
from pipelines.recipe import Recipe
from pipelines.synthetic import Appended, writers
from pipelines.workspace import FUNNEL, POOL, SUBSET, SYNTHETIC, Workspace

SHOWN = 5
NOT_APPENDED = "not appended"  # a text of an image that the items before its captioner drop now


@dataclass(frozen=True)
class Changes:
    """Samples whose answer would be another: how many, and the first few in pool order."""

    count: int
    first: list[dict[str, Any]]  # uid, reason: why dropped before (gained), or why it would be (lost)

    def as_dict(self) -> dict[str, Any]:
        return {"count": self.count, "first": self.first}


@dataclass(frozen=True)
class WhatIf:
    old: list[dict[str, Any]]
    new: list[dict[str, Any]]
    gained: Changes
    lost: Changes
    uncaptioned: int = 0  # images that a captioner would be asked about for the first time: their texts are not in it

    def as_dict(self) -> dict[str, Any]:
        return {
            "old": self.old,
            "new": self.new,
            "kept": {"old": self.old[-1]["kept"], "new": self.new[-1]["kept"]},
            "gained": self.gained.as_dict(),
            "lost": self.lost.as_dict(),
            "uncaptioned": self.uncaptioned,
        }


def whatif(before: Recipe, after: Recipe, workspace: Workspace) -> WhatIf:
    """Raises RecipeError for a change that needs a run, InputError for numbers that are not stored."""
    _only_filters(before, after)
    _same_captioners(before, after, workspace)
    for work in (w for item in after.filters for w in item.passes()):
        _is_stored(work, after, workspace)
    kept = workspace.folder.read_table(SUBSET, [c.KEEP]).column(0).to_numpy()
    answer = decide.answer(after, workspace)
    if len(kept) != answer.rows:
        raise InputError(f"{workspace.folder.url(SUBSET)}: is of another pool than there is now", "curate run RECIPE")
    gained = np.flatnonzero(~kept & answer.keep)
    lost = np.flatnonzero(kept & ~answer.keep)
    return WhatIf(
        workspace.folder.read_json(FUNNEL),
        [row.as_dict() for row in answer.funnel],
        Changes(len(gained), _shown(workspace, gained, _reasons(workspace, gained[:SHOWN]))),
        Changes(len(lost), _shown(workspace, lost, answer.reason(lost[:SHOWN]).to_pylist())),
        _uncaptioned(before, after, workspace),
    )


def _same_captioners(before: Recipe, after: Recipe, workspace: Workspace) -> None:
    """Raises RecipeError for other captioners than those that wrote."""
    old, new = ([(item.writer, getattr(item, "top_p", None)) for _, item in writers(one)] for one in (before, after))
    if not new or new == old:
        return
    run, wrote = workspace.folder.url(), {writer for writer, _ in old}
    silent = [str(writer) for writer, _ in new if writer not in wrote]
    what = f"{', '.join(silent)} wrote nothing there yet" if silent else "other texts need a run"
    raise RecipeError(
        f"{shlex.quote(run)}: whatif asks no captioner; {what}",
        f"curate run {shlex.quote(f'{run}/recipe.yaml')} with the same --set asks the captioner",
    )


def _uncaptioned(before: Recipe, after: Recipe, workspace: Workspace) -> int:
    old, new, count = writers(before), writers(after), 0
    pairs = list(zip(old, new, strict=False))
    images = ColumnCache(workspace.folder).frame({POOL: [c.IMAGE_UID]})[c.IMAGE_UID] if pairs else pl.Series()
    for number, ((place, _), (now, _)) in enumerate(pairs):
        asked = images.gather(decide.in_reach_of(before, workspace, place, number))
        wanted = images.gather(decide.in_reach_of(after, workspace, now, number))
        count += int((~wanted.is_in(asked.implode())).sum())
    return count


def _reasons(workspace: Workspace, rows: np.ndarray) -> list[str | None]:
    """Why these few rows were dropped, from the row groups that they are in."""
    if not len(rows):
        return []
    path = workspace.folder.path(SUBSET)
    with open_parquet(path if workspace.folder.local else pa.BufferReader(workspace.folder.read(SUBSET))) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        groups = np.searchsorted(starts, rows, side="right") - 1
        tables = {group: file.read_row_group(group, [c.REASON]).column(0) for group in set(groups.tolist())}
    return [tables[group][row - starts[group]].as_py() for row, group in zip(rows, groups.tolist(), strict=True)]


def _shown(workspace: Workspace, rows: np.ndarray, reasons: list[str | None]) -> list[dict[str, Any]]:
    """The first few rows with their uids, from the shards that they are in."""
    shards = [(POOL, shard, entry.rows) for shard, entry in sorted(workspace.manifest(POOL).entries.items())]
    shards += [(SYNTHETIC, shard, count) for shard, count in Appended(workspace).entries.items()]
    ends = np.cumsum([count for _, _, count in shards])
    found = []
    for row, reason in zip(rows[:SHOWN].tolist(), reasons, strict=True):
        at = int(np.searchsorted(ends, row, side="right"))
        under, shard, count = shards[at]
        uids = workspace.folder.read_table(f"{under}/{shard}.parquet", [c.UID]).column(0)
        found.append({c.UID: uids[row - int(ends[at]) + count].as_py(), c.REASON: reason or NOT_APPENDED})
    return found


def _only_filters(before: Recipe, after: Recipe) -> None:
    for name in type(before).model_fields:
        if name not in ("filters", "gates") and getattr(before, name) != getattr(after, name):
            raise RecipeError(
                f"whatif changes filters only; another {name!r} needs a run", f"curate run RECIPE --set {name}..."
            )


def _is_stored(work: Any, recipe: Recipe, workspace: Workspace) -> None:
    work = next(w for w in passes(recipe) if w.name == work.name)
    unit = next(corpus.units(workspace, work, corpus.MERGE))
    entry = workspace.manifest(unit.stage).entries.get(corpus.WHOLE)
    if entry is None or entry.fingerprint not in unit.fingerprints.values():
        raise InputError(
            f"{workspace.folder.url(unit.stage)}: not stored as far as this asks ({work.name}{work.identity()})",
            "make the change in the recipe and curate run it; only this pass is then made anew",
        )
