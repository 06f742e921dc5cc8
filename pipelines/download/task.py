"""One unit of download: the rows of an input shard are fetched, decoded, resized and stored, each with its outcome."""

import asyncio
import contextlib
import resource
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curate import schema as c
from curate.errors import MachineError
from curate.files import Folder, sha256
from curate.image_store import Stored, StorePolicy, store
from curate.images import Failed
from curate.schema import Outcome
from curate.uid import fingerprint
from pipelines import ingest
from pipelines.download.answer import Fetched
from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy
from pipelines.engine.unit import Part, Task, Unit
from pipelines.pool_shard import PoolShard
from pipelines.recipe import Recipe
from pipelines.workspace import INPUT

VERSION = 2
DOWN = (Outcome.DNS, Outcome.CONNECT)
DOWN_HOSTS = 20  # so many hosts, and nothing but DNS and connect failures: it is our network
MEMORY = 4 << 30  # bytes of address space that hostile images may add to a worker


@dataclass
class DownloadTask:
    """`spec` of a unit is its input shard's name."""

    folder: Folder
    fetch: FetchPolicy
    store: StorePolicy
    leaves_out = True

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        asked = self.folder.read_table(f"{INPUT}/{unit.shard}.parquet").slice(rows.start, len(rows)).to_pylist()
        skip = {row - rows.start for row in unit.skip}
        urls = {i: row[c.URL] for i, row in enumerate(asked) if not row[c.OUTCOME] and i not in skip}
        got = asyncio.run(self.gather(urls))
        _network_down([urls[i] for i in urls], [got[i][0].outcome for i in urls])
        shard = PoolShard(unit.shard)
        for i, row in enumerate(asked):
            if i in skip:
                shard.fail(row, Outcome.WORKER_CRASH, "every process that handled this row died")
            elif row[c.OUTCOME]:
                shard.fail(row, Outcome(row[c.OUTCOME]), row[c.ERROR_MESSAGE])
            else:
                self.add(shard, row, *got[i])
        return [shard.part()]

    async def gather(self, urls: dict[int, str]) -> dict[int, tuple[Fetched, Stored | Failed | None, str]]:
        """Fetch all, decoding each body in a thread as it comes, so that bodies do not pile up."""
        numbers = list(urls)
        got: dict[int, tuple[Fetched, Stored | Failed | None, str]] = {}
        pending: set[asyncio.Future[Any]] = set()
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as threads, ThreadPoolExecutor(32) as lookups:
            loop.set_default_executor(lookups)  # DNS; asyncio's own is a handful of threads
            async with Fetcher(self.fetch) as fetcher:
                async for place, fetched in fetcher.fetch_each([urls[i] for i in numbers]):
                    if fetched.body is None:
                        got[numbers[place]] = (fetched, None, "")
                        continue
                    work = loop.run_in_executor(threads, self._process, numbers[place], fetched)
                    pending.add(work)
                    if len(pending) >= 8:
                        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                        got.update(item.result() for item in done)
                got.update([await item for item in pending])
        return got

    def _process(self, number: int, fetched: Fetched) -> tuple[int, tuple[Fetched, Stored | Failed, str]]:
        assert fetched.body is not None
        try:
            found = store(fetched.body, self.store)
        except MemoryError:
            found = Failed(Outcome.TOO_MANY_PIXELS, "more memory than a worker may use")
        digest = sha256(fetched.body)
        return number, (Fetched(**{**fetched.__dict__, "body": None}), found, digest)

    def add(
        self, shard: PoolShard, row: dict[str, Any], fetched: Fetched, found: Stored | Failed | None, digest: str
    ) -> None:
        facts: dict[str, Any] = {c.HTTP_STATUS: fetched.http_status, c.CONSENT: fetched.consent}
        if found is None:
            shard.fail(row, fetched.outcome, fetched.message, **facts)
        elif isinstance(found, Failed):
            shard.fail(row, found.outcome, found.message, **facts, **{c.SHA256: digest})
        else:
            sizes = {name: value for name, value in asdict(found).items() if name != "data"}
            digests = {c.SHA256: digest, c.STORED_SHA256: sha256(found.data)}
            shard.keep(row, {**sizes, **digests}, found.data, **facts)


@dataclass
class LimitedDownloadTask(DownloadTask):
    """The same in a worker of its own, whose memory is limited: what a bomb takes, it takes from one row."""

    limited = True

    def open(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))


def _network_down(urls: list[str], outcomes: list[Outcome]) -> None:
    """Raise MachineError when nothing at all could be reached, at many hosts. Such a unit is never done."""
    if len({urlsplit(url).netloc for url in urls}) < DOWN_HOSTS:
        return
    if all(outcome in DOWN for outcome in outcomes):
        raise MachineError(
            f"the network is down: none of {len(urls)} URLs at {DOWN_HOSTS} or more hosts could be reached",
            "check this machine's network and DNS, then run the same command again; it goes on where it was",
        )


def download_unit_task(recipe: Recipe, folder: Folder) -> tuple[Task, Callable[[str], str]]:
    """The task that makes pool shards from this recipe's input, and input shard's content -> fingerprint.

    What only says where a host is, or how hard to try, is no part of the fingerprint: time-outs, retries,
    concurrency and `resolve` may change without everything being fetched again.
    """
    d = recipe.download
    if recipe.input.kind != "urls":
        task: Task = ingest.IngestTask(folder, recipe.input.image_column, d.max_pixels)
        mark = (ingest.VERSION, recipe.input.kind, recipe.input.image_column, d.max_pixels)
        return task, lambda content: fingerprint("ingest", *mark, content)
    stored = StorePolicy(
        image_size=d.image_size,
        resize_mode=d.resize_mode,
        resize_only_if_bigger=d.resize_only_if_bigger,
        encode_quality=d.encode_quality,
        min_image_size=d.min_image_size,
        max_aspect_ratio=d.max_aspect_ratio,
        max_pixels=d.max_pixels,
    )
    fetch = FetchPolicy(
        timeout=d.timeout,
        retries=d.retries,
        max_bytes=d.max_bytes,
        respect_opt_out=d.respect_opt_out,
        allow_private_hosts=tuple(d.allow_private_hosts),
        resolve=dict(d.resolve),
        contact=d.contact,
        concurrency=d.concurrency,
        per_host=d.per_host,
    )
    kind = LimitedDownloadTask if recipe.engine.kind == "ray" else DownloadTask
    values = (VERSION, sorted(asdict(stored).items()), d.max_bytes, d.respect_opt_out)
    return kind(folder, fetch, stored), lambda content: fingerprint("download", *values, content)
