"""The order is a function of the seed and the position, each pass takes all, and folds do not overlap."""

import gc
import threading
import time
import tracemalloc
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from curate.files import sha256
from curate.tars import TarBuilder
from curate.uid import fold_of
from model_training.data import order
from model_training.data.hold_out import HoldOut
from model_training.data.order import Order, Position
from model_training.data.pairs import read_pairs
from tests.conftest import picture
from tests.model_training.trainers.small import shards

START = Position()


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return shards(tmp_path_factory.mktemp("order"), 5, 7)


def keys(source, count, start=START):
    return [visit.pair.key for visit in islice(source.visits(start), count)]


@pytest.mark.parametrize("buffer", [1, 2, 8])
def test_each_pass_takes_every_pair_once_in_another_order(places, buffer):
    seen = keys(Order(places, seed=3, buffer=buffer), 105)
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
@given(
    cut=st.integers(0, 120),
    count=st.integers(1, 5),
    buffer=st.integers(1, 6),
    resampled=st.booleans(),
    seed=st.integers(0, 3),
)
def test_resumed_anywhere_it_is_the_unbroken_stream(places, cut, count, buffer, resampled, seed):
    whole = list(islice(Order(places[:count], seed, buffer, resampled).visits(), 130))
    start = whole[cut - 1].after if cut else Position()
    rest = list(islice(Order(places[:count], seed, buffer, resampled).visits(start), 130 - cut))
    assert rest == whole[cut:]


@pytest.mark.parametrize("resampled", [False, True])
def test_memory_is_bounded_by_the_buffer_and_not_by_the_pool(tmp_path, resampled):
    """24 shards of 2 MB with 3 in the buffer: never more than those and half of the chunk that is visited."""
    (tmp_path / "big").mkdir()
    image = bytes(range(256)) * 2000  # 512 kB; never decoded
    places = []
    for shard in range(24):
        tar = TarBuilder()
        for row in range(4):
            tar.add(f"{shard}-{row}.jpg", image)
            tar.add(f"{shard}-{row}.txt", b"text")
        places.append(str(tmp_path / "big" / f"{shard:02d}.tar"))
        (tmp_path / "big" / f"{shard:02d}.tar").write_bytes(tar.close())
    tracemalloc.start()
    try:
        for _ in islice(Order(places, 0, buffer=3, resampled=resampled).visits(), 200):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 3 * 4 * len(image) <= peak + len(image) * 4 and peak < 5 * 4 * len(image)


def test_a_digest_is_asked_for_once(places, monkeypatch):
    asked = []
    monkeypatch.setattr(order, "read_pairs", lambda p, **given: asked.append((p, given["digest"])) or read_pairs(p))
    keys(Order(places, 0, buffer=1, digests={places[0]: "first"}), 70)
    assert [digest for place, digest in asked if place == places[0]] == ["first", None]
    assert {digest for place, digest in asked if place != places[0]} == {None}


def test_images_without_a_text_are_read_where_none_is_wanted(tmp_path):
    tar = TarBuilder()
    for name in ("a.jpg", "b.jpg", "b.txt", "c.txt"):
        tar.add(name, b"x")
    (tmp_path / "x.tar").write_bytes(tar.close())
    assert set(keys(Order([str(tmp_path / "x.tar")], 0), 6)) == {"b"}
    assert set(keys(Order([str(tmp_path / "x.tar")], 0, texts=False), 6)) == {"a", "b"}


def test_resampled_draws_shards_with_replacement(places):
    drawn = Counter(key for key in keys(Order(places, 1, buffer=2, resampled=True), 7 * 500))
    shard = [sum(drawn[f"{i:05d}"] for i in range(7 * s, 7 * s + 7)) / 7 for s in range(5)]
    assert sum(shard) == 500 and all(70 < count < 130 for count in shard)  # 100 +- 3.4 sigma
    names = [visit.name for visit in islice(Order(places, 1, 2, True).visits(), 140)]
    assert len(set(names)) == 140


def test_folds_share_the_pairs_out(places):
    left_out = []
    for fold in range(3):
        kept = set(keys(Order(places, 0, hold_out=HoldOut(9, 3, fold)), 200))
        left_out.append({f"{i:05d}" for i in range(35)} - kept)
        assert left_out[fold] == {f"{i:05d}" for i in range(35) if fold_of(9, f"{i:064x}", 3) == fold}
    assert sum(map(len, left_out)) == 35 == len(set.union(*left_out))
    assert HoldOut(9, 3, 0).keeps(None)


def test_an_image_that_is_scored_too_is_left_out_of_a_table_that_tells_no_hash(tmp_path):
    images = [picture(i, (20, 20)) for i in range(12)]
    table = str(tmp_path / "trusted.parquet")
    pq.write_table(pa.table({"jpg": images, "caption": [f"thing {i}" for i in range(12)]}), table)
    shared = tuple(sorted(sha256(image) for image in images[:8]))
    left_out = []
    for fold in range(2):
        kept = set(keys(Order((table,), 0, hold_out=HoldOut(9, 2, fold, shared)), 60))
        left_out.append({f"row {i}" for i in range(12)} - kept)
        assert left_out[fold] == {f"row {i}" for i in range(8) if fold_of(9, sha256(images[i]), 2) == fold}
        assert len(set(keys(Order((table,), 0, hold_out=HoldOut(9, 2, fold)), 60))) == 12  # none of them is scored
    assert sum(map(len, left_out)) == 8
    # Nothing shared: what was trained before this was asked stands.
    assert HoldOut(9, 2, 1).identity == [("fold", 1), ("folds", 2), ("seed", 9)] != HoldOut(9, 2, 1, shared).identity


def test_nothing_to_read_is_an_error(tmp_path):
    (tmp_path / "empty.tar").write_bytes(TarBuilder().close())
    with pytest.raises(InputError, match="hold no pair"):
        next(Order([str(tmp_path / "empty.tar")] * 3, 0, buffer=1).visits())
    with pytest.raises(InputError, match="no shard"):
        Order([], 0)


def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_the_next_chunk_is_read_while_the_second_half_of_one_is_visited(places, monkeypatch):
    read = []
    monkeypatch.setattr(order, "read_pairs", lambda p, **given: read.append(p) or read_pairs(p))
    visits, expected = Order(places, 3, buffer=1).visits(), keys(Order(places, 3, buffer=1), 35)
    del read[:]
    seen = [next(visits).pair.key for _ in range(3)]
    time.sleep(0.05)
    assert len(read) == 1, "of 7 pairs 3 are visited: the first half"
    seen.append(next(visits).pair.key)
    assert until(lambda: len(read) == 2)
    seen += [next(visits).pair.key for _ in range(31)]
    assert seen == expected and len(set(read)) == 5
    resumed = Order(places, 3, buffer=1).visits(Position(0, 5))
    del read[:]
    assert next(resumed).pair.key == expected[5] and until(lambda: len(read) == 2)


def test_closed_or_let_go_of_it_reads_no_further_and_its_thread_is_gone(places, monkeypatch):
    def slowly(place, **given):
        for pair in list(read_pairs(place)) * 200:
            yield pair
            time.sleep(0.01)  # 14 s a shard

    before = threading.active_count()
    for end in (lambda visits: visits.close(), lambda visits: None):
        source = Order(places, 3, buffer=1)
        visits = source.visits(Position(0, 4))
        next(visits)
        assert threading.active_count() == before + 1
        monkeypatch.setattr(order, "read_pairs", slowly)
        next(visits)
        began = time.monotonic()
        end(visits)
        del visits
        gc.collect()
        assert threading.active_count() == before and time.monotonic() - began < 3
        monkeypatch.undo()


def test_what_is_wrong_with_the_next_chunk_is_told_when_it_is_its_turn(places, tmp_path):
    (tmp_path / "cut.tar").write_bytes(Path(places[0]).read_bytes()[:5000])
    both = [places[0], str(tmp_path / "cut.tar")]
    seed = next(seed for seed in range(9) if Order(both, seed, buffer=1)._shards_of(0) == both[:1])
    visits = Order(both, seed, buffer=1).visits()
    assert len(list(islice(visits, 7))) == 7
    with pytest.raises(InputError, match=r"cut\.tar"):
        next(visits)
