"""The project's own engine of download: sockets in one event loop per worker, decoding in processes beside it.

Several units of a worker share its loop. Most of a unit's time is waiting for its slowest hosts; meanwhile the others'
pictures come.
"""

import contextlib
import resource
from collections.abc import Sequence
from dataclasses import dataclass, field

from curate import schema as c
from curate.image_store import StorePolicy
from curate.images import Failed
from pipelines.download.answer import Fetched
from pipelines.download.decoders import Decoders, Opened
from pipelines.download.fetch import Fetcher
from pipelines.download.links import SharedLink
from pipelines.download.loop_thread import LoopThread
from pipelines.download.outage import ASKED_AGAIN, Answered, Watch
from pipelines.download.policy import FetchPolicy
from pipelines.download.spool import Spool
from pipelines.download.unit_rows import FetchTask, Got
from pipelines.engine.unit import Shared


@dataclass
class _Worker:
    """What the units of a worker share."""

    loop: LoopThread
    fetcher: Fetcher
    decoders: Decoders
    answered: Answered

    @classmethod
    def start(cls, fetch: FetchPolicy, store: StorePolicy, hosts: Shared | None, decoders: int) -> "_Worker":
        loop = LoopThread("download")

        async def begin() -> _Worker:
            fetcher = Fetcher(fetch, link=SharedLink(hosts) if hosts else None)
            return cls(loop, await fetcher.__aenter__(), Decoders(store, decoders), Answered(maxlen=ASKED_AGAIN))

        return loop.run(begin())

    def close(self) -> None:
        self.loop.run(self._end())
        self.loop.close()

    async def _end(self) -> None:
        await self.fetcher.__aexit__()
        self.decoders.close()


@dataclass
class DownloadTask(FetchTask):
    """`hosts`: the cluster's `Hosts`; `cores`: for the decoding processes of one worker."""

    fetch: FetchPolicy = field(default_factory=FetchPolicy)
    store: StorePolicy = field(default_factory=StorePolicy)
    hosts: Shared | None = None
    cores: int = 1
    overlap = 16
    _worker = None  # type: _Worker | None

    def open(self) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a connection is a file
        self._worker = _Worker.start(self.fetch, self.store, self.hosts, self.cores)

    def close(self) -> None:
        if self._worker:
            self._worker.close()
            self._worker = None

    def ask(self, urls: dict[int, str], among: Sequence[str] | None = None) -> dict[int, Got]:
        assert self._worker is not None, "open comes first"
        return self._worker.loop.run(self._ask(self._worker, urls, among))

    async def _ask(self, worker: _Worker, urls: dict[int, str], among: Sequence[str] | None) -> dict[int, Got]:
        numbers, got, spool = list(urls), dict[int, Got](), Spool()
        watch = Watch(worker.fetcher.ask_again, worker.answered)

        async def take(place: int, fetched: Fetched) -> None:
            if among is None:
                await watch.saw(urls[numbers[place]], fetched)
            opened = await worker.decoders.store(fetched.body) if fetched.body is not None else None
            got[numbers[place]] = self._got(fetched, opened, spool)

        await worker.fetcher.fetch_each(list(urls.values()), take, among)
        if among is None:
            await watch.ended(list(urls.values()), [one.fetched.outcome for one in got.values()])
        return got

    def _got(self, fetched: Fetched, opened: Opened | None, spool: Spool) -> Got:
        if opened is None or fetched.body is None:
            return Got(fetched)
        light, size = fetched.but(body=None), len(fetched.body)
        body = spool.put(fetched.body) if self.hash_mismatch == "quarantine" else None
        if isinstance(opened.found, Failed):
            return Got(light, opened.sha256, size, opened.found, body=body)
        stored = {name: value for name, value in vars(opened.found).items() if name != "data"}
        stored[c.STORED_SHA256] = opened.stored_sha256
        return Got(light, opened.sha256, size, None, stored, spool.put(opened.found.data), body)
