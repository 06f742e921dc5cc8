"""The dataset of a run: kept rows are arranged, each shard is a unit, then the card is written and the rest removed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from curate import schema as c
from curate.dataset import PLACE, POOL_COLUMNS, SHARD, UNDER, VERSION, arrange, build_shard, card, croissant
from curate.files import Folder, canonical_json, sha256
from curate.manifest import Entry
from curate.pool import Pool
from curate.signal_store import Columns
from curate.uid import fingerprint
from pipelines.columns import wanted
from pipelines.engine.unit import Part, Unit
from pipelines.recipe import Recipe
from pipelines.synthetic import Appended, pool_shard, text_folders
from pipelines.workspace import FUNNEL, POOL, SUBSET, Workspace

CARD = "card"


@dataclass
class MaterializeTask:
    """`spec` of a unit is (the rows of one dataset shard, the score columns)."""

    folder: Folder

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        table, scores = unit.spec
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        tar, parquet, _ = build_shard(frame.slice(rows.start, len(rows)), scores, Pool(self.folder))
        files = {f"{unit.shard}.tar": tar, f"{unit.shard}.parquet": parquet}
        return [Part(UNDER, unit.rows, {"written": unit.rows}, files)]


def scores_of(recipe: Recipe) -> list[str]:
    """The score columns that travel with each text: those of the filters, in the recipe's order."""
    scores = {kind(model) for model in recipe.models for kind in (c.clip_score, c.match)}
    found = [column for item in recipe.filters for column in sorted(item.reads() & scores)]
    return list(dict.fromkeys(found))


def units(recipe: Recipe, workspace: Workspace) -> Iterator[Unit]:
    """A unit per dataset shard."""
    kept, scores = _kept(recipe, workspace), scores_of(recipe)
    pool = workspace.manifest(POOL)
    contents = {f"{shard}.tar": entry.content() for shard, entry in pool.entries.items()}
    arranged = arrange(kept, scores, recipe.dataset.samples_per_shard)
    for number, rows in enumerate(arranged.partition_by(SHARD, maintain_order=True)):
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
        tars = sorted(set(rows[c.TAR].to_list()))
        used = [contents.get(tar, tar) for tar in tars]
        text = sha256(rows.drop(c.TAR).write_json().encode())
        mark = fingerprint(VERSION, scores, text, used)
        yield Unit(UNDER, f"{number:05d}", rows.height, {UNDER: mark}, (table, scores))


def _kept(recipe: Recipe, workspace: Workspace) -> pl.DataFrame:
    """The kept rows with all that the dataset shows of them, read a shard at a time; the synthetic ones come last."""
    folders = wanted(recipe, {*POOL_COLUMNS, *scores_of(recipe)})
    subset = pl.from_arrow(workspace.folder.read_table(SUBSET, [c.KEEP, c.COPIES]))
    assert isinstance(subset, pl.DataFrame)
    appended, texts = Appended(workspace), text_folders(recipe)
    parts, start = [], 0

    def take(rows: int, place: np.ndarray, read: Callable[[], pl.DataFrame]) -> None:
        nonlocal start
        verdicts = subset.slice(start, rows)
        start += rows
        if verdicts[c.KEEP].any():
            beside = verdicts.with_columns(pl.Series(PLACE, place))
            parts.append(pl.concat([read(), beside], how="horizontal").filter(pl.col(c.KEEP)))

    for shard, entry in sorted(workspace.manifest(POOL).entries.items()):
        place = start + np.arange(entry.rows)
        take(entry.rows, place, partial(Columns(workspace.folder).shard, shard, dict(folders)))
    for shard, rows in appended.entries.items():
        place = appended.starts[pool_shard(shard)] + appended.places(shard)
        take(rows, place, partial(appended.frame, shard, folders, texts))
    if parts:
        return pl.concat(parts)
    names = {*POOL_COLUMNS, c.KEEP, c.COPIES, *scores_of(recipe), PLACE}
    types = {field.name: field.type for field in [*c.POOL, *c.SUBSET]}
    empty = {name: pl.Series([], dtype=_dtype(types.get(name))) for name in sorted(names)}
    return pl.DataFrame(empty)


def _dtype(arrow: object) -> pl.DataType | type[pl.DataType]:
    import pyarrow as pa

    if arrow is None:
        return pl.Float32
    series = pl.from_arrow(pa.array([], arrow))
    assert isinstance(series, pl.Series)
    return series.dtype


def finish(recipe: Recipe, workspace: Workspace, shards: list[str]) -> bool:
    """Write the card and remove shards of an earlier, larger dataset. True if anything changed."""
    manifest = workspace.manifest(UNDER)
    funnel = workspace.folder.read_json(FUNNEL)
    stale = [shard for shard in manifest.entries if shard not in shards and shard != CARD]
    counts = [_counts(workspace, shard) for shard in shards]
    samples, texts = sum(count for count, _ in counts), sum(count for _, count in counts)
    files = {base: record for shard in shards for base, record in manifest.entries[shard].files.items()}
    made = {
        "README.md": card(recipe.name, samples, texts, shards, funnel).encode(),
        "croissant.json": canonical_json(croissant(recipe.name, files)),
    }
    records = {name: {"sha256": sha256(data), "bytes": len(data)} for name, data in made.items()}
    known = manifest.entries.get(CARD)
    if not stale and known is not None and known.files == records and manifest.damage(CARD) is None:
        return False
    for name, data in made.items():
        workspace.folder.write(f"{UNDER}/{name}", data)
    removed = [base for shard in stale for base in manifest.entries.pop(shard).files]
    manifest.entries[CARD] = Entry(fingerprint(records), 0, {}, records)
    manifest.save()
    for base in removed:
        workspace.folder.remove(f"{UNDER}/{base}")
    return True


def _counts(workspace: Workspace, shard: str) -> tuple[int, int]:
    """Samples and texts of a shard."""
    texts = workspace.folder.read_table(f"{UNDER}/{shard}.parquet", [c.TEXTS]).column(0).to_pylist()
    return len(texts), sum(len(json.loads(listed)) for listed in texts)
