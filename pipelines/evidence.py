"""Gathers what a report may read from a run directory: columns, thresholds, duplicates, pictures and facts."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from functools import lru_cache

import polars as pl
import pyarrow as pa

from curate import __version__
from curate import schema as c
from curate.corpus.hash_pairs import HashPairs
from curate.files import sha256
from curate.pool import Pool
from curate.report.evidence import REPRODUCE, RUN, Evidence, Threshold
from curate.signal_store import Columns, family_folder, pass_folder
from pipelines.columns import families, passes, schemas
from pipelines.corpus import WHOLE, whole_tables
from pipelines.ledger import read_all
from pipelines.recipe import Recipe
from pipelines.synthetic import Appended, text_folders
from pipelines.workspace import FUNNEL, POOL, RECIPE, SUBSET, Workspace

POOL_COLUMNS = (
    c.URL,
    c.CAPTION,
    c.LABEL,
    c.OUTCOME,
    c.ERROR_MESSAGE,
    c.WIDTH,
    c.HEIGHT,
    c.ORIGINAL_WIDTH,
    c.ORIGINAL_HEIGHT,
    c.SHA256,
    c.FORMAT,
    c.CONSENT,
)
PACKAGES = ("polars", "pyarrow", "pillow", "ray", "torch", "open_clip_torch")


def gather(recipe: Recipe, workspace: Workspace) -> Evidence:
    """The evidence of a run that has been decided."""
    samples = joined(recipe, workspace)
    return Evidence(
        name=recipe.name,
        samples=samples.lazy(),
        funnel=workspace.folder.read_json(FUNNEL),
        thresholds=thresholds(recipe),
        duplicates=duplicates(recipe, workspace, samples),
        read_image=image_reader(workspace),
        recipe_text=recipe.resolved(),
        facts=facts(recipe, workspace),
        records=read_all(workspace),
        corpus=corpus_tables(recipe, workspace),
    )


def corpus_tables(recipe: Recipe, workspace: Workspace) -> dict[str, pl.DataFrame]:
    """What the passes have for people: title -> table."""
    found: dict[str, pl.DataFrame] = {}
    for work in passes(recipe):
        if WHOLE in workspace.manifest(pass_folder(work.name)).entries:
            found |= work.shown(whole_tables(workspace.folder, work))
    return found


def joined(recipe: Recipe, workspace: Workspace) -> pl.DataFrame:
    """Subset, pool and every measured column side by side; rows in pool order, then those that were appended."""
    known = schemas(recipe)
    folders: dict[str, list[str]] = {POOL: list(POOL_COLUMNS)}
    for under in [*(family_folder(f) for f in families(recipe)), *(pass_folder(w.name) for w in passes(recipe))]:
        if under in known and workspace.manifest(under).entries:
            folders[under] = [field.name for field in known[under] if not pa.types.is_nested(field.type)]
    columns, appended = Columns(workspace.folder).frame(dict(folders)), Appended(workspace)
    if appended.rows:
        columns = appended.join(columns, folders, text_folders(recipe), ()).select(columns.columns)
    subset = pl.from_arrow(workspace.folder.read_table(SUBSET))
    assert isinstance(subset, pl.DataFrame)
    return pl.concat([subset, columns], how="horizontal")


def thresholds(recipe: Recipe) -> list[Threshold]:
    return [
        Threshold(t.column, t.bound, float(t.value), item.stage, rule.name, not t.inclusive)
        for item in recipe.filters
        for rule in item.rules()
        for t in rule.thresholds
    ]


def duplicates(recipe: Recipe, workspace: Workspace, samples: pl.DataFrame) -> pl.DataFrame:
    """uid_a, uid_b, distance, of what was asked for. Equal hashes are joined to their first sample, so k copies give
    k - 1 pairs."""
    empty = pl.DataFrame(schema={"uid_a": pl.String, "uid_b": pl.String, c.DISTANCE: pl.UInt8})
    work = next((w for w in passes(recipe) if w.name == HashPairs.name), None)
    if work is None or c.PHASH not in samples.columns:
        return empty
    web = samples.filter(pl.col(c.ORIGIN) != c.SYNTHETIC)
    hashed = web.select(c.UID, c.PHASH).drop_nulls().unique(c.UID, keep="first", maintain_order=True)
    first = hashed.unique(c.PHASH, keep="first", maintain_order=True).rename({c.UID: "first"})
    same = hashed.join(first, on=c.PHASH).filter(pl.col(c.UID) != pl.col("first"))
    copies = same.select(
        pl.col("first").alias("uid_a"), pl.col(c.UID).alias("uid_b"), pl.lit(0, pl.UInt8).alias(c.DISTANCE)
    )
    near = (
        whole_tables(workspace.folder, work)["pairs"]
        .join(first.rename({c.PHASH: c.A, "first": "uid_a"}), on=c.A)
        .join(first.rename({c.PHASH: c.B, "first": "uid_b"}), on=c.B)
        .select("uid_a", "uid_b", c.DISTANCE)
    )
    limit = max((item.max_distance for item in recipe.filters if item.type == "phash_dedup"), default=4)
    return pl.concat([copies, near.filter(pl.col(c.DISTANCE) <= limit)]).sort("uid_a", "uid_b")


def image_reader(workspace: Workspace) -> Callable[[str], bytes | None]:
    """image_uid -> stored bytes. Places are looked up in the pool's tables, a shard at a time."""
    pool = Pool(workspace.folder)

    @lru_cache(1)
    def places() -> dict[str, tuple[str, int, int]]:
        found: dict[str, tuple[str, int, int]] = {}
        for shard in pool.shards():
            table = pool.table(shard, [c.IMAGE_UID, c.TAR, c.OFFSET, c.SIZE])
            for uid, tar, offset, size in zip(*(column.to_pylist() for column in table.columns), strict=True):
                if tar is not None:
                    found.setdefault(uid, (tar, offset, size))
        return found

    def read(image_uid: str) -> bytes | None:
        place = places().get(image_uid)
        return None if place is None else next(pool.images([place[0]], [place[1]], [place[2]]))

    return read


def facts(recipe: Recipe, workspace: Workspace) -> dict[str, str]:
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    run = workspace.folder.url()
    return {
        RUN: run,
        "seed": str(recipe.seed),
        "recipe": sha256(recipe.resolved().encode())[:16],
        "curate": __version__,
        "packages": ", ".join(versions),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}",
        REPRODUCE: f"curate {'loop' if read_all(workspace) else 'run'} {workspace.folder.url(RECIPE)}",
    }
