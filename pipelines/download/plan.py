"""Who makes the pool's shards of a recipe, and by what a shard is told to be up to date."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from curate.files import Folder
from curate.image_store import StorePolicy
from curate.uid import fingerprint
from pipelines import ingest
from pipelines.download import stock
from pipelines.download.fetch import limits
from pipelines.download.hosts import Hosts
from pipelines.download.policy import FetchPolicy
from pipelines.download.task import DownloadTask
from pipelines.download.unit_rows import FetchTask, folders
from pipelines.engine.unit import Engine, Task
from pipelines.recipe import Recipe
from pipelines.workspace import POOL

VERSION = 4
CORES = 4


@dataclass(frozen=True)
class PoolPlan:
    """`folders`: where a unit makes something; `mark`: an input shard's content -> the fingerprint of its pool shard.

    What only says where a host is, or how hard to try, is no part of the fingerprint: time-outs, retries,
    concurrency, politeness and `resolve` may change without everything being fetched again.
    """

    task: Task
    folders: list[str]
    mark: Callable[[str], str]


def pool_plan(recipe: Recipe, folder: Folder, engine: Engine) -> PoolPlan:
    if recipe.input.kind != "urls":
        column, most = recipe.input.image_column, recipe.download.max_pixels
        return PoolPlan(
            ingest.IngestTask(folder, column, most),
            [POOL],
            lambda content: fingerprint("ingest", ingest.VERSION, recipe.input.kind, column, most, content),
        )
    d = recipe.download
    task = fetch_task(recipe, folder, engine)
    values = (sorted(asdict(store_policy(recipe)).items()), d.max_bytes, d.respect_opt_out, d.robots, d.bulk_host)
    version = (stock.VERSION, "img2dataset") if d.engine == "img2dataset" else (VERSION,)
    return PoolPlan(
        task,
        [POOL, *folders(d.hash_mismatch)],
        lambda content: fingerprint("download", *version, *values, d.hash_mismatch, content),
    )


def fetch_task(recipe: Recipe, folder: Folder, engine: Engine) -> FetchTask:
    """The task that fetches, by the engine that the recipe names."""
    d, fetch, store = recipe.download, fetch_policy(recipe), store_policy(recipe)
    if d.engine == "img2dataset":
        return stock.StockTask(folder, d.hash_mismatch, fetch, store, limit=0.8 * recipe.engine.stall)
    hosts = engine.share(Hosts(limits(fetch), time.monotonic))
    return DownloadTask(folder, d.hash_mismatch, fetch, store, hosts, _cores(recipe))


def _cores(recipe: Recipe) -> int:
    """Of one worker: an event loop has work for several, and one loop costs less than many."""
    here = len(os.sched_getaffinity(0))
    if recipe.engine.kind == "serial":
        return here
    return max(1, here // recipe.engine.workers) if recipe.engine.workers else min(CORES, here)


def store_policy(recipe: Recipe) -> StorePolicy:
    d = recipe.download
    return StorePolicy(
        image_size=d.image_size,
        resize_mode=d.resize_mode,
        resize_only_if_bigger=d.resize_only_if_bigger,
        encode_format=d.encode_format,
        encode_quality=d.encode_quality,
        min_image_size=d.min_image_size,
        max_aspect_ratio=d.max_aspect_ratio,
        max_pixels=d.max_pixels,
        max_side=d.max_side,
    )


def fetch_policy(recipe: Recipe) -> FetchPolicy:
    d = recipe.download
    return FetchPolicy(
        timeout=d.timeout,
        retries=d.retries,
        max_bytes=d.max_bytes,
        body_bytes=max(FetchPolicy.body_bytes, 6 * d.max_bytes),
        respect_opt_out=d.respect_opt_out,
        robots=d.robots,
        bulk_host=d.bulk_host,
        allow_private_hosts=tuple(d.allow_private_hosts),
        resolve=dict(d.resolve),
        contact=d.contact,
        concurrency=d.concurrency,
        per_host=d.per_host,
        per_host_rate=d.per_host_rate,
    )
