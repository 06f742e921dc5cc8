"""The life of one pair: where it was asked for, what came, what was measured, which rule decided, where it lies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate import schema as c
from curate.errors import InputError
from curate.filters.phash_dedup import PHashDedup, hash_groups
from curate.filters.rule import Filter
from curate.signal_store import Columns
from pipelines.columns import homes
from pipelines.decide import read as read_columns
from pipelines.decide import tables
from pipelines.recipe import Recipe
from pipelines.repeats import is_repeats
from pipelines.synthetic import Appended, pool_shard, text_folders
from pipelines.workspace import DATASET, POOL, SUBSET, SYNTHETIC, Workspace


@dataclass
class Life:
    uid: str
    lines: list[tuple[str, str]] = field(default_factory=list)  # stage, what happened there

    def as_dict(self) -> dict[str, Any]:
        return {"uid": self.uid, "life": [{"stage": stage, "what": what} for stage, what in self.lines]}


def explain(recipe: Recipe, workspace: Workspace, key: str) -> list[Life]:
    """`key`: a uid or the first 8 or more digits of one, a url, or a pool key; what captioners wrote of the same image
    comes with it. Raises InputError for none.
    """
    subset = pl.from_arrow(workspace.folder.read_table(SUBSET))
    assert isinstance(subset, pl.DataFrame)
    appended = Appended(workspace)
    if len(subset) != workspace.manifest(POOL).rows() + appended.rows:
        raise InputError(f"{workspace.folder.url(SUBSET)}: is of other samples than there are now", "curate run RECIPE")
    match = (pl.col(c.URL) == key) | (pl.col(c.KEY) == key)
    if len(key) >= 8:
        match = match | pl.col(c.UID).str.starts_with(key)
    lives, start, images = [], 0, set[str]()
    for shard, entry in sorted(workspace.manifest(POOL).entries.items()):
        for row in _rows(workspace, POOL, shard, match):
            images.add(row[c.IMAGE_UID])
            verdict = subset.row(start + row["place"], named=True)
            lives.append(_life(recipe, workspace, shard, row, verdict))
        start += entry.rows
    match = match | pl.col(c.IMAGE_UID).is_in(sorted(images))
    for shard, count in appended.entries.items():
        for row in _rows(workspace, SYNTHETIC, shard, match):
            verdict = subset.row(start + row["place"], named=True)
            lives.append(_written_life(recipe, appended, shard, row, verdict))
        start += count
    if not lives:
        raise InputError(
            f"{workspace.folder.url()}: nothing has the uid, url or key {key!r}", "curate stats RUN shows what there is"
        )
    return lives


def _rows(workspace: Workspace, under: str, shard: str, match: pl.Expr) -> list[dict[str, Any]]:
    """The rows of a shard's table that match, each with its `place` there."""
    table = pl.from_arrow(workspace.folder.read_table(f"{under}/{shard}.parquet"))
    assert isinstance(table, pl.DataFrame)
    return table.with_row_index("place").filter(match).to_dicts()


def _life(recipe: Recipe, workspace: Workspace, shard: str, row: dict[str, Any], verdict: dict[str, Any]) -> Life:
    life = Life(row[c.UID])
    life.lines.append(("input", f"row {row[c.ROW]} of {row[c.SOURCE]}: {row[c.URL]} {row[c.CAPTION]!r}"))
    if verdict[c.REASON] == "input.repeated":
        life.lines.append(("input", "dropped: repeated; the same url and caption are asked for elsewhere too"))
    once = "; asked once, for the first row of this url" if is_repeats(shard) else ""
    life.lines.append(("download", _download(row) + once))
    if row[c.OUTCOME] == c.Outcome.OK:
        values = _signals(recipe, workspace, shard, row["place"])
        life.lines += [("signals", ", ".join(f"{n} {_short(v)}" for n, v in values.items()))] if values else []
        life.lines += _verdicts(recipe.filters, verdict)
        life.lines += _twin(recipe, workspace, verdict)
    life.lines += _end(workspace, verdict)
    return life


def _written_life(recipe: Recipe, appended: Appended, shard: str, row: dict[str, Any], verdict: dict[str, Any]) -> Life:
    """Of a text that a captioner wrote: it begins at the item that appended it."""
    life, workspace, captioner = Life(row[c.UID]), appended.workspace, row[c.CAPTIONER]
    first = next((i for i, item in enumerate(recipe.filters) if item.writer == captioner), len(recipe.filters))
    stage = recipe.filters[first].stage if first < len(recipe.filters) else SYNTHETIC
    life.lines.append((stage, f"{captioner} wrote of the image {row[c.IMAGE_UID]}: {row[c.CAPTION]!r}"))
    life.lines.append(("download", _download(row)))
    folders = _measured(recipe, workspace, pool_shard(shard))
    values = appended.frame(shard, folders, text_folders(recipe)).row(row["place"], named=True) if folders else {}
    life.lines += [("signals", ", ".join(f"{n} {_short(v)}" for n, v in values.items()))] if values else []
    life.lines += _verdicts(recipe.filters[first:], verdict)
    life.lines += _end(workspace, verdict)
    return life


def _end(workspace: Workspace, verdict: dict[str, Any]) -> list[tuple[str, str]]:
    if verdict[c.KEEP]:
        return [("subset", "kept"), ("dataset", _place(workspace, verdict[c.IMAGE_UID]))]
    return [("subset", f"dropped: {verdict[c.REASON]}" if verdict[c.REASON] else "not appended")]


def _download(row: dict[str, Any]) -> str:
    if row[c.OUTCOME] != c.Outcome.OK:
        kind = c.OUTCOME_CLASS[c.Outcome(row[c.OUTCOME])]
        return f"failed: {row[c.OUTCOME]} ({kind}): {row[c.ERROR_MESSAGE] or 'no message'}"
    size = f"{row[c.ORIGINAL_WIDTH]}x{row[c.ORIGINAL_HEIGHT]}"
    where = f"{row[c.TAR]} at byte {row[c.OFFSET]:,}"
    return f"ok: {row[c.FORMAT]}, {size}, stored {row[c.WIDTH]}x{row[c.HEIGHT]} in {where}, key {row[c.KEY]}"


def _signals(recipe: Recipe, workspace: Workspace, shard: str, place: int) -> dict[str, Any]:
    folders = _measured(recipe, workspace, shard)
    return Columns(workspace.folder).shard(shard, dict(folders)).row(place, named=True) if folders else {}


def _measured(recipe: Recipe, workspace: Workspace, shard: str) -> dict[str, list[str]]:
    """folder -> its columns, of what there is of a pool shard beside the pool."""
    folders: dict[str, list[str]] = {}
    for column, under in homes(recipe).items():
        if under != POOL and shard in workspace.manifest(under).entries:
            folders.setdefault(under, []).append(column)
    return folders


def _short(value: Any) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _verdicts(filters: Sequence[Filter], verdict: dict[str, Any]) -> list[tuple[str, str]]:
    """A line per rule. Rules that compare survivors were not asked of what was dropped before."""
    lines, dropped = [], verdict[c.REASON] == "input.repeated"
    failed = {reason.removesuffix(":null") for reason in verdict[c.FAILED]}
    for item in filters:
        for rule in item.rules():
            name = f"{item.stage}.{rule.name}"
            if dropped and rule.of == "survivors":
                lines.append((item.stage, f"{rule.name}: not asked, it was dropped before"))
                continue
            bounds = ", ".join(f"{t.bound} {t.value:g} of {t.column}" for t in rule.thresholds)
            said = "FAILED" if name in failed else "passed"
            lines.append((item.stage, f"{rule.name}: {said}" + (f" ({bounds})" if bounds else "")))
            dropped = dropped or (verdict[c.REASON] or "").removesuffix(":null") == name
    return lines


def _twin(recipe: Recipe, workspace: Workspace, verdict: dict[str, Any]) -> list[tuple[str, str]]:
    """For a duplicate: the one of its group that was kept."""
    stage = (verdict[c.REASON] or "").partition(".")[0]
    item = next((i for i in recipe.filters if isinstance(i, PHashDedup) and i.stage == stage), None)
    if item is None:
        return []
    frame = read_columns(recipe, workspace, [c.PHASH])
    subset = pl.from_arrow(workspace.folder.read_table(SUBSET, [c.UID, c.KEEP]))
    assert isinstance(subset, pl.DataFrame)
    pairs = tables(recipe, workspace)["hash_pairs"]["pairs"].filter(pl.col(c.DISTANCE) <= item.max_distance)
    groups = hash_groups(frame[c.PHASH], pairs)
    placed = frame.select(c.UID, c.PHASH).with_columns(subset[c.KEEP]).join(groups, on=c.PHASH, how="inner")
    mine = placed.filter(pl.col(c.UID) == verdict[c.UID])["group"]
    kept = placed.filter(pl.col("group").is_in(mine.implode()) & pl.col(c.KEEP))[c.UID].to_list()
    size = placed.filter(pl.col("group").is_in(mine.implode()))[c.UID].n_unique()
    return [(stage, f"one of {size} near-duplicates; kept: {', '.join(kept[:3]) or 'none, a later rule dropped it'}")]


def _place(workspace: Workspace, image_uid: str) -> str:
    for shard in sorted(workspace.manifest(DATASET).entries):
        if shard == "card":
            continue
        table = workspace.folder.read_table(f"{DATASET}/{shard}.parquet", [c.KEY, c.IMAGE_UID])
        for key, uid in zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True):
            if uid == image_uid:
                return f"{DATASET}/{shard}.tar as {key}"
    return "not written yet; curate run RECIPE"
