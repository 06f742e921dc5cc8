"""The network is down when hosts that answered before do not any more; dead names alone prove nothing."""

import asyncio

import pytest

from curate.errors import MachineError
from curate.schema import Outcome
from pipelines.download.answer import Fetched
from pipelines.download.outage import ASKED_AGAIN, HOSTS, STREAK, Watch, network_down

DEAD, OK = Fetched(Outcome.DNS), Fetched(Outcome.OK, http_status=200)


def watched(results, up: bool) -> list[str]:
    """The URLs that were asked a second time, by a watch that sees these results."""
    asked: list[str] = []

    async def fetch(url):
        asked.append(url)
        return OK if up else DEAD

    async def run():
        watch = Watch(fetch)
        for url, fetched in results:
            await watch.saw(url, fetched)

    asyncio.run(run())
    return asked


def dead(count: int, hosts: int = 50):
    return [(f"http://gone{i % hosts}.example/{i}", DEAD) for i in range(count)]


GOOD = [(f"http://good{i}.example/", OK) for i in range(10)]


def test_a_long_tail_of_dead_names_is_no_outage():
    assert watched(GOOD + dead(3 * STREAK), up=True) == ["http://good7.example/"] * 3


def test_hosts_that_answered_and_do_not_any_more_are_one():
    with pytest.raises(MachineError, match=f"last {STREAK} URLs, at 50 hosts"):
        watched(GOOD + dead(STREAK), up=False)


def test_nothing_that_ever_answered_is_one():
    with pytest.raises(MachineError):
        watched(dead(STREAK), up=True)


@pytest.mark.parametrize("results", [dead(STREAK - 1), dead(3 * STREAK, HOSTS - 1), (dead(STREAK - 1) + GOOD[:1]) * 4])
def test_few_failures_or_few_hosts_prove_nothing(results):
    assert watched(results, up=False) == []


def test_every_answer_counts_whatever_it_was():
    results = [("http://a.example/", Fetched(Outcome.NOT_FOUND, http_status=404))]
    assert len(watched(results + dead(STREAK), up=True)) == 1
    assert ASKED_AGAIN > 1


def test_a_unit_of_which_nothing_came():
    urls = [f"http://h{i}.example/" for i in range(HOSTS)]
    with pytest.raises(MachineError, match="none of 20 URLs"):
        network_down(urls, [Outcome.CONNECT] * HOSTS)
    network_down(urls, [Outcome.CONNECT] * (HOSTS - 1) + [Outcome.TIMEOUT])
    network_down(urls[1:], [Outcome.CONNECT] * (HOSTS - 1))
