"""The order is a function of the seed and the position, each pass takes all, and folds do not overlap."""

from collections import Counter
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from curate.tars import TarBuilder
from curate.uid import fold_of
from model_training.data.hold_out import HoldOut
from model_training.data.order import Order, Position
from tests.model_training.trainers.small import shards

START = Position()


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return shards(tmp_path_factory.mktemp("order"), 5, 7)


def keys(order, count, start=START):
    return [visit.pair.key for visit in islice(order.visits(start), count)]


@pytest.mark.parametrize("buffer", [1, 2, 8])
def test_each_pass_takes_every_pair_once_in_another_order(places, buffer):
    order = Order(places, seed=3, buffer=buffer)
    seen = keys(order, 105)
    passes = [seen[:35], seen[35:70], seen[70:]]
    assert all(sorted(one) == sorted(f"{i:05d}" for i in range(35)) for one in passes)
    assert passes[0] != passes[1] != passes[2]
    assert keys(Order(places, 3, buffer), 105) == seen != keys(Order(places, 4, buffer), 105)


def test_shards_come_in_another_order_in_each_pass(places):
    shard = [int(key) // 7 for key in keys(Order(places, seed=3, buffer=1), 70)]
    assert all(len(set(shard[i : i + 7])) == 1 for i in range(0, 70, 7))
    assert shard[:35] != shard[35:]


def test_shards_are_mixed_within_a_chunk(places):
    first = [int(key) // 7 for key in keys(Order(places, 0), 35)]
    assert sum(a != b for a, b in pairwise(first)) > 15


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 120), buffer=st.integers(1, 6), resampled=st.booleans(), seed=st.integers(0, 3))
def test_resumed_anywhere_it_is_the_unbroken_stream(places, cut, buffer, resampled, seed):
    whole = list(islice(Order(places, seed, buffer, resampled).visits(), 130))
    start = whole[cut - 1].after if cut else Position()
    rest = list(islice(Order(places, seed, buffer, resampled).visits(start), 130 - cut))
    assert rest == whole[cut:]


def test_resampled_draws_shards_with_replacement(places):
    drawn = Counter(key for key in keys(Order(places, 1, buffer=2, resampled=True), 7 * 500))
    shard = [sum(drawn[f"{i:05d}"] for i in range(7 * s, 7 * s + 7)) / 7 for s in range(5)]
    assert sum(shard) == 500 and all(70 < count < 130 for count in shard)  # 100 +- 3.4 sigma
    names = [visit.name for visit in islice(Order(places, 1, 2, True).visits(), 140)]
    assert len(set(names)) == 140


def test_folds_share_the_pairs_out(places):
    left_out = []
    for fold in range(3):
        order = Order(places, 0, hold_out=HoldOut(9, 3, fold))
        kept = {visit.pair.key for visit in islice(order.visits(), 200)}
        left_out.append({f"{i:05d}" for i in range(35)} - kept)
        assert left_out[fold] == {f"{i:05d}" for i in range(35) if fold_of(9, f"{i:064x}", 3) == fold}
    assert sum(map(len, left_out)) == 35 == len(set.union(*left_out))
    assert HoldOut(9, 3, 0).keeps(None)


def test_nothing_to_read_is_an_error(tmp_path):
    (tmp_path / "empty.tar").write_bytes(TarBuilder().close())
    with pytest.raises(InputError, match="hold no pair"):
        next(Order([str(tmp_path / "empty.tar")] * 3, 0, buffer=1).visits())
    with pytest.raises(InputError, match="no shard"):
        Order([], 0)
