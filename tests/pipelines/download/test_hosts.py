"""The rules of the cluster, with a clock that stands still until a test moves it."""

import pickle
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from curate.schema import Outcome
from pipelines.download.hosts import Grant, HostReport, Hosts, Limits

HOST = ("pictures.example", 80)


class Cluster:
    def __init__(self, first_failures: int = 99, **limits: float) -> None:
        self.now = 1_000.0
        self.hosts = Hosts(Limits(first_failures=first_failures, **limits), lambda: self.now)  # type: ignore[arg-type]

    def says(self, worker: str, **report: object) -> Grant:
        return self.hosts.sync(worker, {HOST: HostReport(**report)})[HOST]  # type: ignore[arg-type]


def test_one_worker_gets_what_it_wants_up_to_the_limit() -> None:
    cluster = Cluster(per_host=8)
    assert cluster.says("a", waiting=3) == Grant(3)
    assert cluster.says("a", running=3, waiting=90, holding=3) == Grant(8)


def test_a_second_worker_gets_its_share_when_the_first_has_let_go() -> None:
    cluster = Cluster(per_host=8)
    assert cluster.says("a", waiting=90).connections == 8
    assert cluster.says("b", waiting=90).connections == 0
    assert cluster.says("a", running=8, waiting=90, holding=8).connections == 4  # it may still run eight
    assert cluster.says("b", waiting=90).connections == 0
    assert cluster.says("a", running=4, waiting=90, holding=4).connections == 4
    assert cluster.says("b", waiting=90).connections == 4


def test_what_one_does_not_want_the_others_get() -> None:
    cluster = Cluster(per_host=8)
    assert cluster.says("a", waiting=1).connections == 1
    assert cluster.says("b", waiting=90).connections == 7
    cluster.says("a")  # no more URLs
    assert cluster.says("b", running=7, waiting=90, holding=7).connections == 8


def test_a_single_connection_goes_round() -> None:
    cluster = Cluster(per_host=1)
    had, holding = {"a": 0, "b": 0, "c": 0}, {"a": 0, "b": 0, "c": 0}
    for _ in range(300):
        for worker in had:
            holding[worker] = cluster.says(worker, waiting=9, holding=holding[worker]).connections
            had[worker] += holding[worker]
        assert sum(holding.values()) <= 1
        cluster.now += 0.5
    assert min(had.values()) > 60


def test_a_silent_worker_loses_its_connections_and_a_worker_that_leaves_too() -> None:
    cluster = Cluster(per_host=2)
    assert cluster.says("a", waiting=9).connections == 2
    cluster.now += 29
    assert cluster.says("b", waiting=9).connections == 0
    cluster.now += 1
    assert cluster.says("b", waiting=9).connections == 2
    cluster.hosts.leave("b")
    assert cluster.says("c", waiting=9).connections == 2


def test_a_rate_gives_each_start_its_moment_to_one_worker() -> None:
    cluster = Cluster(per_host=99, per_host_rate=4.0)
    first = cluster.says("a", waiting=90)
    assert first.every == 0.25 and first.starts == (0.0, 0.25, 0.5, 0.75, 1.0)
    second = cluster.says("b", waiting=1)
    assert second.starts == () and second.every == 0.25  # no moment within the next second is free
    cluster.now += 0.5
    assert cluster.says("b", waiting=1).starts == (0.75,)
    assert cluster.says("a", waiting=90, planned=5).starts == ()


def test_a_crawl_delay_is_obeyed_up_to_ten_seconds_by_all() -> None:
    cluster = Cluster()
    assert cluster.says("a", waiting=2, delay=3600.0).every == 10.0
    assert cluster.says("b", waiting=2).every == 10.0


def test_retry_after_holds_for_all_workers() -> None:
    cluster = Cluster(max_retry_after=10.0)
    cluster.says("a", waiting=1, retry_after=7.0)
    assert cluster.says("b", waiting=9) == Grant(7, wait=7.0)
    cluster.now += 7.0
    assert cluster.says("b", waiting=9).wait == 0.0


def test_a_long_retry_after_closes_the_host_for_so_long() -> None:
    cluster = Cluster(max_retry_after=10.0)
    cluster.says("a", waiting=9, retry_after=3_600.0, retry_outcome=Outcome.SERVER_ERROR)
    closed = cluster.says("b", waiting=9).closed
    assert closed and (closed.outcome, closed.seconds) == (Outcome.SERVER_ERROR, 3_600.0)
    assert closed.message == "not asked: the host wants no request for 3,600 s"
    cluster.now += 3_600
    assert cluster.says("b", waiting=9).closed is None


def test_failures_are_counted_over_workers_and_an_answer_forgets_them() -> None:
    cluster = Cluster(host_failures=6)
    assert cluster.says("a", waiting=9, failures=3).closed is None
    assert cluster.says("b", waiting=9, failures=2).failures == 5
    assert cluster.says("a", waiting=9, answers=1, failures=1).failures == 1
    assert cluster.says("b", waiting=9, failures=4).closed is None
    closed = cluster.says("a", waiting=9, failures=1, outcome=Outcome.TIMEOUT).closed
    assert closed and closed.outcome is Outcome.TIMEOUT and closed.seconds == 60.0
    assert closed.message == "not asked: the host gave no answer 6 times in a row"
    assert cluster.says("b", waiting=9).closed


def test_a_host_that_never_answered_gets_two_tries_from_all_together() -> None:
    cluster = Cluster(per_host=8, host_failures=6, first_failures=2)
    assert cluster.says("a", waiting=9).connections == 2
    assert cluster.says("b", waiting=9).connections == 0
    assert cluster.says("a", waiting=8, failures=1, outcome=Outcome.DNS).closed is None
    closed = cluster.says("a", waiting=7, failures=1, outcome=Outcome.DNS).closed
    assert closed and closed.message == "not asked: the host gave no answer 2 times in a row"
    assert cluster.says("b", waiting=9).closed


def test_its_first_answer_gives_a_host_all_its_connections_and_failures() -> None:
    cluster = Cluster(per_host=8, host_failures=6, first_failures=2)
    cluster.says("a", waiting=9)
    assert cluster.says("a", running=1, waiting=8, holding=1, answers=1).connections == 8
    assert cluster.says("a", waiting=8, failures=5).closed is None
    assert cluster.says("a", waiting=8, failures=1).closed


def test_after_a_minute_one_worker_asks_for_one_url() -> None:
    cluster = Cluster(host_failures=6)
    cluster.says("a", waiting=9, failures=6)
    cluster.now += 60
    assert cluster.says("a", waiting=9) == Grant(1, failures=6, starts=(0.0,))
    assert cluster.says("b", waiting=9) == Grant(0, failures=6)
    assert cluster.says("a", running=1, waiting=8, holding=1) == Grant(1, failures=6, starts=())
    closed = cluster.says("a", waiting=8, failures=1).closed
    assert closed and closed.seconds == 60.0
    cluster.now += 60
    assert cluster.says("b", waiting=9).starts == (0.0,)
    assert cluster.says("b", waiting=2, answers=1).starts is None
    assert cluster.says("a", waiting=8).connections > 0


def test_messages_are_plain_data() -> None:
    cluster = Cluster(host_failures=1)
    report = {HOST: HostReport(waiting=3, failures=1)}
    grants = cluster.hosts.sync("a", report)
    assert pickle.loads(pickle.dumps((report, grants))) == (report, grants)


def test_hosts_of_which_nobody_speaks_are_forgotten() -> None:
    cluster = Cluster(max_retry_after=10.0)
    for n in range(50):
        cluster.hosts.sync("a", {(f"h{n}.example", 80): HostReport(waiting=1)})
    cluster.says("a", retry_after=7_200.0)
    cluster.now += 700
    cluster.hosts.sync("a", {})
    assert list(cluster.hosts._hosts) == [HOST]  # it asked for quiet


@dataclass
class Worker:
    """Keeps the rules that `HostReport` and `Grant` state, and no more."""

    granted: int = 0
    running: int = 0
    waiting: int = 0
    answer: Grant | None = None  # on its way
    heard: float = field(default=0.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 5), st.integers(1, 9))
def test_there_are_never_more_connections_than_allowed(seed: int, workers: int, per_host: int) -> None:
    """Whatever comes in which order: messages that are late, URLs that come and end, workers that fall silent."""
    rng = random.Random(seed)
    cluster = Cluster(per_host=per_host)
    names = [f"w{n}" for n in range(workers)]
    at = {name: Worker() for name in names}
    served = 0
    for _ in range(300):
        name = rng.choice(names)
        worker = at[name]
        match rng.randrange(6):
            case 0:
                worker.waiting += rng.randrange(4)
            case 1:
                worker.running -= rng.randint(0, worker.running)
            case 2 if worker.answer is None:
                worker.granted = max(worker.running, min(worker.granted, worker.running + worker.waiting))
                worker.heard = cluster.now
                worker.answer = cluster.says(
                    name, running=worker.running, waiting=worker.waiting, holding=worker.granted
                )
            case 3 if worker.answer:
                worker.granted, worker.answer = worker.answer.connections, None
            case 4:
                cluster.now += rng.choice([0.1, 1.0, 5.0])
            case 5 if rng.random() < 0.05:
                at[name] = Worker()  # it died, and what it ran with it
        for other in at.values():
            if cluster.now - other.heard > 30:  # all it ran has ended by now
                other.running = other.granted = 0
            elif cluster.now - other.heard < 15:
                start = max(0, min(other.waiting, other.granted - other.running))
                other.running, other.waiting = other.running + start, other.waiting - start
                served += start
        assert sum(other.running for other in at.values()) <= per_host
