"""The stage that writes synthetic texts: which images are wanted, their captions, and what is read of the texts.

Captioner by captioner, in the order of the filters: the items before one decide which images it captions.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl

from curate import schema as c
from curate.filters.rule import Filter
from curate.signal_store import family_folder, pass_folder
from curate.signals.plain import plain_signal
from curate.uid import fingerprint
from pipelines import synthetic_passes
from pipelines.captioning import VERSION, CaptionTask, Wanted
from pipelines.column_cache import ColumnCache
from pipelines.columns import families, passes, wanted
from pipelines.context import Context, drop_stale
from pipelines.decide import in_reach_of
from pipelines.engine.unit import Unit
from pipelines.materialize import scores_of
from pipelines.measured import Captions, RankedCaptions, family_mark
from pipelines.measuring import measure
from pipelines.models import models_of
from pipelines.synthetic import Appended, home, number_of, read_after, shard_name, text_folders, writers
from pipelines.workspace import POOL, SYNTHETIC, Workspace


def write_texts(context: Context) -> None:
    """Caption the images that the filters' captioners are asked about, and no others."""
    found = writers(context.recipe)
    measured: set[str] = {SYNTHETIC}
    for number, (place, item) in enumerate(found):
        _caption(context, number, place, item)
        measured |= _measure(context, number + 1)
    _forget(context, len(found), measured)


def captions_of(context: Context, item: Filter) -> Captions | RankedCaptions:
    """The item's captioner, with the item's own way to write."""
    assert item.writer is not None
    captions = models_of(context)[c.model_caption(item.writer)]
    assert isinstance(captions, Captions | RankedCaptions)  # the recipe's checks hold this
    top_p = getattr(item, "top_p", None)
    if top_p is None or isinstance(captions, RankedCaptions):
        return captions
    generation = replace(captions.spec.generation, top_p=top_p)
    return replace(captions, spec=replace(captions.spec, generation=generation))


def _caption(context: Context, number: int, place: int, item: Filter) -> None:
    captions = captions_of(context, item)
    units = list(_units(context, number, place, captions))
    context.drive("captions", units, [SYNTHETIC], CaptionTask(context.folder, captions), gpus=True)
    manifest, mine = context.workspace.manifest(SYNTHETIC), {unit.shard for unit in units}
    drop_stale(manifest, mine | {shard for shard in manifest.entries if number_of(shard) != number})


def _units(context: Context, number: int, place: int, captions: Captions | RankedCaptions) -> Iterator[Unit]:
    """A unit per pool shard with an image that is wanted."""
    workspace = context.workspace
    with context.stage("captions wanted"):
        rows = in_reach_of(context.recipe, workspace, place, number)
    starts, pool = Appended(workspace).starts, workspace.manifest(POOL).entries
    texts, mark = workspace.manifest(SYNTHETIC).entries, family_mark(captions)
    twins = _twins(workspace, rows, starts)
    for shard, entry in sorted(pool.items()):
        first, last = np.searchsorted(rows, [starts[shard], starts[shard] + entry.rows])
        if first == last:
            continue
        places = tuple((rows[first:last] - starts[shard]).tolist())
        others = tuple(twins.get(shard, ()))
        names = (shard_name(one, k) for k in range(number) for one in (shard, *others))
        before = tuple(name for name in names if name in texts)
        known = [pool[one].content() for one in others] + [texts[one].content() for one in before]
        made = fingerprint(VERSION, captions.name, mark(entry.content()), places, known)
        spec = Wanted(places, others, before)
        yield Unit(SYNTHETIC, shard_name(shard, number), len(places), {SYNTHETIC: made}, spec)


def _twins(workspace: Workspace, rows: np.ndarray, starts: dict[str, int]) -> dict[str, list[str]]:
    """Pool shard -> the other shards with rows of the images of those `rows` that are in it."""
    shards, bounds = list(starts), np.array(list(starts.values()), np.int64)
    images, at, other = ColumnCache(workspace.folder).frame({POOL: [c.IMAGE_UID]})[c.IMAGE_UID], "at", "other"

    def shard_of(places: np.ndarray) -> pl.Series:
        return pl.Series(np.searchsorted(bounds, places, side="right") - 1)

    mine = pl.DataFrame({c.IMAGE_UID: images.gather(rows), at: shard_of(rows)})
    pairs = pl.DataFrame({c.IMAGE_UID: images, other: shard_of(np.arange(len(images)))}).join(mine, on=c.IMAGE_UID)
    found: dict[str, list[str]] = {}
    for one, two in pairs.select(at, other).filter(pl.col(at) != pl.col(other)).unique().sort(at, other).iter_rows():
        found.setdefault(shards[one], []).append(shards[two])
    return found


def _measure(context: Context, captioners: int) -> set[str]:
    """What is read of the texts: cheap things of all, scores that go into the dataset, and what a filter behind the
    captioner reads.

    Returns the folders where it lies.
    """
    recipe = context.recipe
    columns = {*read_after(recipe), *scores_of(recipe)}
    read = {under for under in wanted(recipe, columns) if under in text_folders(recipe)}
    plain = [family for family in families(recipe) if (signal := plain_signal(family)) and not signal.reads_images]
    found = sorted({*plain, *(under.removeprefix("signals/") for under in read if under.startswith("signals/"))})
    # What later captioners wrote may be of an earlier pool: it is not looked at before they were asked again.
    texts = Appended(context.workspace, captioners).entries
    measure(context, "texts", found, models_of(context), SYNTHETIC, texts)
    works = [work for work in passes(recipe) if pass_folder(work.name) in read]
    synthetic_passes.run(context, works, captioners)
    return {home(under) for under in (*map(family_folder, found), *(pass_folder(work.name) for work in works))}


def _forget(context: Context, captioners: int, measured: set[str]) -> None:
    """What no captioner of the recipe wrote, and what nobody reads of texts any more."""
    workspace = context.workspace
    texts = {shard for shard in workspace.manifest(SYNTHETIC).entries if number_of(shard) < captioners}
    whole = {synthetic_passes.whole_name(number) for number in range(captioners)}
    for under in workspace.appended():
        kept = texts | (set() if under == SYNTHETIC else whole)
        drop_stale(workspace.manifest(under), kept if under in measured else set())
