"""How many URLs at once, against networks that are played."""

import heapq
import random
from collections.abc import Callable

from pipelines.download.pace import START, Pace

Answer = Callable[[int, int], tuple[float, str, bool]]  # number, in hand -> seconds, host, reached


def play(pace: Pace, answer: Answer, urls: int) -> list[int]:
    """Fetch so many URLs as fast as the pace allows; its limit at the end of each."""
    now, started, limits = 0.0, 0, []
    ends: list[tuple[float, int, object, str, bool]] = []
    while started < urls or ends:
        while started < urls and len(ends) < pace.limit:
            seconds, host, reached = answer(started, len(ends))
            heapq.heappush(ends, (now + seconds, started, pace.begin(), host, reached))
            started += 1
        busy = len(ends) * 4 >= pace.limit * 3
        now, _, group, host, reached = heapq.heappop(ends)
        pace.end(group, host, reached, busy)  # type: ignore[arg-type]
        limits.append(pace.limit)
    return limits


def test_it_starts_low_and_opens_with_every_answer() -> None:
    pace = Pace(512)
    assert pace.limit == START
    limits = play(pace, lambda n, _: (0.1, f"h{n % 50}", True), 2_000)
    assert limits[100] == START + 101 and limits[-1] == 512
    assert Pace(5).limit == 5


def test_a_limit_that_is_not_used_proves_nothing() -> None:
    pace = Pace(512)
    for _ in range(1_000):
        pace.end(pace.begin(), "h", True, busy=False)
    assert pace.limit == START


def test_a_constant_share_of_dead_and_stalling_hosts_is_no_congestion() -> None:
    rng = random.Random(1)

    def answer(n: int, _: int) -> tuple[float, str, bool]:
        host = rng.randrange(800)
        if host % 20 == 0:
            return 10.0, f"h{host}", False  # stalls
        return (0.02, f"h{host}", False) if host % 5 == 1 else (0.1, f"h{host}", True)

    limits = play(Pace(512), answer, 20_000)
    assert max(limits) == 512 and min(limits[5_000:]) > 300


def test_one_bad_host_of_many_urls_is_no_congestion() -> None:
    limits = play(Pace(512), lambda n, _: (1.0, "bad", False) if n % 2 else (0.1, f"h{n % 99}", True), 10_000)
    assert limits[-1] == 512


def test_a_network_that_bears_150_is_not_asked_for_500() -> None:
    rng = random.Random(2)

    def answer(n: int, in_hand: int) -> tuple[float, str, bool]:
        lost = rng.random() < (in_hand - 150) / 150
        return (10.0, f"h{n % 700}", False) if lost else (0.1, f"h{n % 700}", True)

    limits = play(Pace(512), answer, 60_000)
    assert max(limits) > 250  # it had to find out
    late = sorted(limits[30_000:])
    assert 100 < late[len(late) // 2] < 250


def test_an_outage_shrinks_it_and_it_opens_again() -> None:
    pace = Pace(512)
    play(pace, lambda n, _: (0.1, f"h{n % 300}", True), 3_000)
    assert pace.limit == 512
    limits = play(pace, lambda n, _: (10.0, f"h{n % 300}", False), 2_500)
    assert min(limits) == 64 and limits[-1] == 512  # three times to a half, in vain
    play(pace, lambda n, _: (0.1, f"h{n % 300}", True), 2_000)
    assert pace.limit == 512


def test_a_list_that_gets_worse_is_no_congestion() -> None:
    limits = play(Pace(512), lambda n, _: (0.1, f"h{n % 999}", n < 5_000 or n % 2 == 0), 20_000)
    assert min(limits[5_000:]) < 100 and limits[-1] == 512


def test_a_loop_that_lags_stops_the_growth_and_then_shrinks_it() -> None:
    pace = Pace(512)
    pace.lagged(5.0)  # one hiccup: smoothed, and over soon
    for _ in range(20):
        pace.lagged(0.0)
    before = pace.limit
    play(pace, lambda n, _: (0.1, f"h{n}", True), 500)
    assert pace.limit > before + 40
    for _ in range(30):
        pace.lagged(0.15)
    held = pace.limit
    play(pace, lambda n, _: (0.1, f"h{n}", True), 500)
    assert pace.limit == held > 64
    for _ in range(30):
        pace.lagged(0.4)
    assert pace.limit == 64
