"""What of a pool shard counts for the stages after it."""

import pytest

from curate.files import sha256
from curate.schema import Outcome
from pipelines.pool_shard import PoolShard

ROW = {"uid": None, "url": "http://a/1", "caption": "one", "tar": None, "source": "l.txt", "row": 0}


def part(outcome: Outcome, message: str):
    shard = PoolShard("00000")
    shard.fail(ROW, outcome, message)
    return shard.part()


def test_the_words_of_a_failure_change_nothing_that_follows():
    asked, not_asked = part(Outcome.CONNECT, "refused"), part(Outcome.CONNECT, "not asked: its host refused others")
    assert sha256(asked.files["00000.parquet"]) != sha256(not_asked.files["00000.parquet"])
    assert asked.stands_for == not_asked.stands_for


@pytest.mark.parametrize("change", [{"outcome": Outcome.DNS}, {"url": "http://a/2"}, {"caption": "two"}])
def test_what_became_of_which_row_changes_what_follows(change):
    shard = PoolShard("00000")
    shard.fail({**ROW, **change}, change.get("outcome", Outcome.CONNECT), "refused")
    assert shard.part().stands_for != part(Outcome.CONNECT, "refused").stands_for
