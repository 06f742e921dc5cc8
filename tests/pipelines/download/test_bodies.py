"""All bodies together stay within their bytes, and everybody gets through."""

import asyncio
import random
import tracemalloc

from curate.schema import Outcome
from pipelines.download.bodies import Room, Share
from pipelines.download.fetch import Fetcher
from pipelines.download.policy import FetchPolicy

MB = 1 << 20


def test_a_small_body_waits_for_nobody_and_a_large_one_for_its_turn() -> None:
    async def main() -> list[str]:
        room, order = Room(48 * MB, 6), []
        assert (room.bodies, room.small, room.middling.total, room.large.total) == (6, MB, 6 * MB, 9 * MB)

        async def large(name: str, most: int, known: bool = True) -> None:
            share = Share(room)
            await share.grow(MB + 1, most, known=known)
            order.append(name)
            await asyncio.sleep(0.01)
            share.settle(MB + 1)
            share.close()

        async def small() -> None:
            await Share(room).grow(MB, 20 * MB)
            order.append("small")

        await asyncio.gather(large("a", 5 * MB), large("b", 6 * MB, False), large("c", 2 * MB), small())
        assert (room.middling.free, room.large.free) == (6 * MB, 9 * MB)
        return order

    assert asyncio.run(main()) == ["a", "small", "b", "c"]  # c would fit, but b was first


def test_bodies_of_unknown_length_go_on_to_the_large_ones_and_nobody_waits_for_ever() -> None:
    """Thirty want to grow to six megabytes, where one has room for that, in steps, each with a megabyte in its hand."""

    async def main() -> int:
        room = Room(32 * MB, 32)
        most = 0

        async def body() -> None:
            nonlocal most
            share = Share(room)
            for size in range(room.small, 5 * MB, room.small):
                await share.grow(size, 5 * MB)
                most = max(most, room.middling.total + room.large.total - room.middling.free - room.large.free)
                await asyncio.sleep(0)
            share.settle(5 * MB)
            await asyncio.sleep(0.001)
            share.close()

        await asyncio.wait_for(asyncio.gather(*(body() for _ in range(30))), 10)
        assert (room.middling.free, room.large.free) == (4 * MB, 6 * MB)
        return most

    assert 8 * MB < asyncio.run(main()) <= 10 * MB


def test_whatever_is_cancelled_is_given_back() -> None:
    async def main() -> None:
        rng, room = random.Random(3), Room(16 * MB, 1)

        async def body() -> None:
            share = Share(room)
            try:
                await share.grow(2 * MB + 1, rng.randrange(2 * MB + 2, 3 * MB), known=rng.random() < 0.5)
                assert room.large.free >= 0
                await asyncio.sleep(rng.random() / 100)
                share.settle(150)
            finally:
                share.close()

        tasks = [asyncio.create_task(body()) for _ in range(400)]
        for task in tasks:
            await asyncio.sleep(rng.random() / 2_000)
            if rng.random() < 0.4:
                task.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
        for part in (room.middling, room.large):
            assert part.free == part.total and not part.waiting

    asyncio.run(main())


def test_a_second_try_is_counted_like_the_first() -> None:
    async def main() -> None:
        room = Room(48 * MB, 6)
        share = Share(room)
        for _ in range(2):
            await share.grow(5 * MB, 5 * MB)
            assert room.large.free < room.large.total
            share.close()
        assert room.large.free == room.large.total

    asyncio.run(main())


def test_a_crowd_of_large_bodies_stays_in_its_room(ask) -> None:
    """Forty servers send two megabytes each, announced or not; twenty-four megabytes are there for all."""
    size = 2_000_000
    body = bytes(size)

    async def main() -> tuple[int, list[Outcome]]:
        async def serve(reader, writer) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = b"" if b"/odd" in head else b"Content-Length: %d\r\n" % size
            writer.write(b"HTTP/1.1 200 OK\r\n%sConnection: close\r\n\r\n" % length)
            view = memoryview(body)
            for at in range(0, size, 65_536):
                writer.write(view[at : at + 65_536])
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        policy = FetchPolicy(
            allow_private_hosts=(place,), per_host=40, concurrency=40, body_bytes=24_000_000, max_bytes=4_000_000
        )
        outcomes: list[Outcome] = []

        async def then(place: int, fetched: object) -> None:
            await asyncio.sleep(0.02)  # it is decoded
            outcomes.append(fetched.outcome)  # type: ignore[attr-defined]

        async with server, Fetcher(policy) as fetcher:
            tracemalloc.start()
            urls = [f"http://{place}/{'odd' if n % 2 else 'even'}{n}" for n in range(60)]
            await fetcher.fetch_each(urls, then)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return peak, outcomes

    peak, outcomes = asyncio.run(main())
    assert outcomes == [Outcome.OK] * 60
    assert peak < 24_000_000 + 40 * 128_000  # and what this test's server has not sent yet
    assert peak > 6_000_000
