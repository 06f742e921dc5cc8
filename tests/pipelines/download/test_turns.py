"""Workers that share hosts, on real connections: what each server saw of them."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from curate.schema import Outcome
from pipelines.download.answer import Fetched
from pipelines.download.fetch import Fetcher, limits
from pipelines.download.hosts import Grant, Grants, Hosts, Report
from pipelines.download.links import Link, LocalLink, MonotonicClock
from pipelines.download.policy import FetchPolicy


def answering(ask, jpeg: bytes, seconds: float = 0.0) -> Callable[[object], Awaitable[None]]:
    async def answer(connection) -> None:
        await asyncio.sleep(seconds)
        await connection.send(ask.reply(jpeg))

    return answer


def policy_for(port: int, **settings: object) -> FetchPolicy:
    place = f"127.0.0.1:{port}"
    settings = {"robots": "off", "resolve": {"*.example": place}, **settings}
    return FetchPolicy(allow_private_hosts=(place,), **settings)  # type: ignore[arg-type]


class Counting(LocalLink):
    """A link that remembers how it was used, and may be down."""

    def __init__(self, hosts: Hosts) -> None:
        super().__init__(hosts)
        self.sizes: list[int] = []
        self.error: Exception | None = None

    async def sync(self, worker: str, report: Report) -> Grants:
        self.sizes.append(len(report))
        await asyncio.sleep(0.01)  # it is far away
        if self.error:
            raise self.error
        return await super().sync(worker, report)


@contextlib.asynccontextmanager
async def fetchers(policy: FetchPolicy, count: int) -> AsyncIterator[list[Fetcher]]:
    hosts = Hosts(limits(policy), MonotonicClock().time)
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(Fetcher(policy, link=Counting(hosts))) for _ in range(count)]


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(times)]


@pytest.mark.parametrize("per_host", [1, 3])
def test_workers_together_never_have_more_connections_than_one_may(web, ask, jpeg, per_host: int) -> None:
    async def main() -> None:
        async with web({f"/{n}": answering(ask, jpeg, 0.02) for n in range(60)}) as server:
            policy = policy_for(server.port, per_host=per_host)
            async with fetchers(policy, 3) as workers:
                urls = [f"http://a.example/{n}" for n in range(60)]
                parts = [urls[:5], urls[5:30], urls[30:]] if per_host > 1 else [urls[:5], urls[5:10], urls[10:15]]
                results = await asyncio.gather(
                    *(worker.fetch_all(part) for worker, part in zip(workers, parts, strict=True))
                )
            assert {fetched.outcome for part in results for fetched in part} == {Outcome.OK}
            assert server.most == per_host

    asyncio.run(main())


def test_a_rate_holds_for_all_workers_together(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({f"/{n}": ask.reply(jpeg) for n in range(30)}) as server:
            async with fetchers(policy_for(server.port, per_host_rate=40.0), 2) as workers:
                urls = [f"http://a.example/{n}" for n in range(30)]
                await asyncio.gather(workers[0].fetch_all(urls[:15]), workers[1].fetch_all(urls[15:]))
            assert len(server.times) == 30
            assert sorted(gaps(server.times))[7] > 0.02 and 0.7 < server.times[-1] - server.times[0] < 10

    asyncio.run(main())


def test_one_worker_keeps_each_gap_and_loses_no_time(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({f"/{n}": ask.reply(jpeg) for n in range(31)}) as server:
            async with Fetcher(policy_for(server.port, per_host_rate=40.0)) as fetcher:
                await fetcher.fetch_all([f"http://a.example/{n}" for n in range(31)])
            # On a busy machine some come late, and the next ones soon after them.
            assert sorted(gaps(server.times))[7] > 0.02
            assert 0.74 < server.times[-1] - server.times[0] < 4

    asyncio.run(main())


def test_retry_after_holds_for_other_urls_and_other_workers(web, ask, jpeg) -> None:
    async def main() -> None:
        answers = {f"/{n}": ask.reply(jpeg) for n in range(8)}
        answers["/busy"] = ask.reply(b"", "503 Busy", "Retry-After: 1")
        async with web(answers) as server:
            async with fetchers(policy_for(server.port, retries=0), 2) as workers:
                await workers[0].fetch("http://a.example/busy")
                await asyncio.sleep(0.1)  # one message
                urls = [f"http://a.example/{n}" for n in range(8)]
                await asyncio.gather(workers[0].fetch_all(urls[:4]), workers[1].fetch_all(urls[4:]))
                elsewhere = asyncio.get_running_loop().time()
                await workers[1].fetch("http://b.example/0")
            assert len(server.times) == 10
            assert 0.95 < server.times[1] - server.times[0] < 10
            assert server.times[-1] - elsewhere < 0.9

    asyncio.run(main())


def test_a_host_that_wants_a_long_rest_is_not_asked_again(web, ask) -> None:
    async def main() -> list[Fetched]:
        async with web({"/0": ask.reply(b"", "429 Slow", "Retry-After: 3600")}) as server:
            async with fetchers(policy_for(server.port, per_host=1), 2) as workers:
                urls = [f"http://a.example/{n}" for n in range(20)]
                first = await workers[0].fetch_all(urls)
                second = await workers[1].fetch_all(urls[1:])
            assert server.requests == ["/0"]
        return first + second

    asked, *others = asyncio.run(main())
    assert (asked.outcome, asked.attempts, asked.message) == (Outcome.TOO_MANY_REQUESTS, 1, "HTTP 429")
    assert {(r.outcome, r.attempts) for r in others} == {(Outcome.TOO_MANY_REQUESTS, 0)}
    assert {r.message.split(":")[0] for r in others if r.message} == {"not asked"}


def test_a_host_that_never_answers_costs_two_tries_however_many_urls_it_has() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        async with fetchers(policy_for(port, retries=0), 1) as (worker,):
            results = await worker.fetch_all([f"http://a.example/{n}" for n in range(12)])
        assert sum(fetched.attempts for fetched in results) == 2
        assert {fetched.outcome for fetched in results} == {Outcome.CONNECT}

    asyncio.run(main())


def test_failures_of_all_workers_close_a_host() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        async with fetchers(policy_for(port, host_failures=6, first_failures=6, per_host=2, retries=0), 3) as workers:
            tried = 0
            for worker in workers:
                results = await worker.fetch_all([f"http://a.example/{n}" for n in range(4)])
                tried += sum(fetched.attempts for fetched in results)
                assert {fetched.outcome for fetched in results} == {Outcome.CONNECT}
                await asyncio.sleep(0.1)
            assert 6 <= tried <= 7

    asyncio.run(main())


def test_a_worker_believes_the_others_that_a_host_answers(web, ask, jpeg) -> None:
    """It has no answer of its own from a host that answered the cluster, and was then silent twice in a row."""

    async def silent(connection) -> None:
        await asyncio.sleep(1)

    async def run() -> list[Fetched]:
        good = answering(ask, jpeg)
        async with web({"/good": good, "/other": good, "/s0": silent, "/s1": silent}) as server:
            policy = policy_for(server.port, first_failures=2, host_failures=6, timeout=0.3, retries=0)
            async with fetchers(policy, 2) as (first, second):
                known = await first.fetch_all(["http://a.example/good"])
                lost = await first.fetch_all(["http://a.example/s0", "http://a.example/s1"])
                assert [one.outcome for one in known + lost] == [Outcome.OK, Outcome.TIMEOUT, Outcome.TIMEOUT]
                await asyncio.sleep(1.5)  # the failures are told
                async with asyncio.timeout(5):
                    return await second.fetch_all(["http://a.example/other"])

    assert [one.outcome for one in asyncio.run(run())] == [Outcome.OK]


def test_all_hosts_of_a_list_are_in_one_message(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({"/": answering(ask, jpeg, 0.05)}) as server:
            policy = policy_for(server.port)
            link = Counting(Hosts(limits(policy), MonotonicClock().time))
            async with Fetcher(policy, link=link) as fetcher:
                results = await fetcher.fetch_all([f"http://h{n}.example/" for n in range(200)])
            assert {fetched.outcome for fetched in results} == {Outcome.OK}
            assert link.sizes[0] == 200 and len(link.sizes) <= 8

    asyncio.run(main())


def test_a_lost_message_is_said_again_and_a_broken_link_ends_all(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({"/": ask.reply(jpeg)}) as server:
            policy = policy_for(server.port)
            link = Counting(Hosts(limits(policy), MonotonicClock().time))
            link.error = ConnectionError("the actor is being restarted")
            async with Fetcher(policy, link=link) as fetcher:
                waiting = asyncio.create_task(fetcher.fetch("http://a.example/"))
                await asyncio.sleep(0.1)
                assert not waiting.done() and server.requests == []
                link.error = None
                assert (await waiting).outcome is Outcome.OK
                link.error = RuntimeError("the actor died")
                for _ in range(2):
                    with pytest.raises(RuntimeError, match="the actor died"):
                        await fetcher.fetch("http://b.example/")
                link.error = None

    asyncio.run(main())


class Stingy(Link):
    """Never gives a connection."""

    async def sync(self, worker: str, report: Report) -> Grants:
        return dict.fromkeys(report, Grant(0))


def test_a_turn_that_never_comes_is_not_waited_for_for_ever() -> None:
    async def main() -> None:
        async with Fetcher(policy_for(9, host_wait=0.6), link=Stingy()) as fetcher:
            fetched = await asyncio.wait_for(fetcher.fetch("http://a.example/"), 3)
        assert (fetched.outcome, fetched.attempts) == (Outcome.TIMEOUT, 0)
        assert fetched.message == "not asked: the host gave no turn for 0.6 s"

    asyncio.run(main())


def test_urls_that_wait_for_their_host_keep_no_slot_from_others(web, ask, jpeg) -> None:
    async def main() -> None:
        answers = {f"/slow{n}": answering(ask, jpeg, 0.1) for n in range(10)}
        async with web({**answers, "/fast": ask.reply(jpeg)}) as server:
            policy = policy_for(server.port, per_host=1, concurrency=2)
            slow = [f"http://a.example/slow{n}" for n in range(10)]
            async with Fetcher(policy) as fetcher:
                await fetcher.fetch_all(slow + [f"http://h{n}.example/fast" for n in range(40)])
            assert server.requests.index("/slow9") > 40

    asyncio.run(main())


def test_cancelled_urls_leave_no_slot_and_no_connection_taken(web, ask, jpeg) -> None:
    async def main() -> None:
        async with web({f"/{n}": answering(ask, jpeg, 0.03) for n in range(40)}) as server:
            policy = policy_for(server.port, concurrency=4, per_host=3)
            async with Fetcher(policy) as fetcher:
                urls = [f"http://{'ab'[n % 2]}.example/{n}" for n in range(40)]
                for seconds in (0.0, 0.01, 0.02, 0.05, 0.07):
                    task = asyncio.create_task(fetcher.fetch_all(urls))
                    await asyncio.sleep(seconds)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                assert fetcher._turns._in_hand == 0
                assert all(line.running == 0 and not line.waiting for line in fetcher._turns._lines.values())
                results = await fetcher.fetch_all(urls)
                assert {fetched.outcome for fetched in results} == {Outcome.OK}

    asyncio.run(main())
