import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.corpus import hamming, hamming_plan
from curate.corpus.hamming import hamming_between, hamming_pairs
from curate.corpus.hamming_plan import Bands, cheapest, moved
from curate.images import open_stored
from curate.signals.phash import phash

HASH = st.integers(0, 2**64 - 1)
FEW_BITS = st.sets(st.integers(0, 63), max_size=3).map(lambda bits: sum(1 << bit for bit in bits))


def brute(left, right, radius):
    """Pairs in order of a, then b, shape (n, 2)."""
    left, right = np.unique(left), np.unique(right)
    a, b = np.nonzero(np.bitwise_count(left[:, None] ^ right) <= radius)
    return np.stack([left[a], right[b]], axis=1)


def brute_pairs(hashes, radius):
    pairs = brute(hashes, hashes, radius)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def assert_same(found, pairs):
    """The same pairs in the same order, so that none came twice, with their distances."""
    a, b, distance = found
    assert (np.stack([a, b], axis=1) == pairs).all() if len(a) == len(pairs) else len(a) == len(pairs)
    assert (distance == np.bitwise_count(pairs[:, 0] ^ pairs[:, 1])).all() and distance.dtype == np.uint8


def planted(count, seed, most=18):
    """Hashes of which every second is up to `most` bits from another."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, 2**64, count // 2, np.uint64, endpoint=False)
    near = base.copy()
    for i in range(len(near)):
        for bit in rng.choice(64, rng.integers(1, most), replace=False):
            near[i] ^= np.uint64(1) << np.uint64(bit)
    return np.concatenate([base, near])


def skewed(count, seed):
    """Like hashes of simple pictures: most bits nearly always the same, in runs."""
    rng = np.random.default_rng(seed)
    bits = rng.random((count, 64)) < np.repeat(rng.choice([0.01, 0.03, 0.5, 0.97], 16), 4)
    return np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)


@pytest.fixture
def always_bands(monkeypatch):
    """However few the hashes are: bands, small tiles, and buckets that get bands of their own."""

    def plan(left, right, radius, *, within=True):
        if radius >= 60:
            return None
        bits = tuple(int(bit) for bit in np.random.default_rng(len(left)).permutation(64))
        choose = 2 if radius < 8 else 1
        edges = tuple(int(e) for e in np.linspace(0, 64, min(64, radius + choose) + 1).round())
        return Bands(bits, edges, len(edges) - 1 - radius)

    monkeypatch.setattr(hamming, "cheapest", plan)
    for name, value in {"TILE": 64, "ROWS": 4, "GROUPED": 8, "AGAIN": 60, "EXPANDED": 5}.items():
        monkeypatch.setattr(hamming, name, value)


@settings(max_examples=60, deadline=None)
@given(st.lists(HASH | FEW_BITS, max_size=40), st.lists(HASH | FEW_BITS, max_size=40), st.integers(0, 20))
def test_law_all_and_only_the_pairs_of_brute_force(left, right, radius):
    left, right = np.array(left, np.uint64), np.array(right, np.uint64)
    assert_same(hamming_pairs(left, radius), brute_pairs(left, radius))
    assert_same(hamming_between(left, right, radius), brute(left, right, radius))


@pytest.mark.parametrize("radius", range(13))
def test_bands_find_all_and_only_the_pairs(always_bands, radius):
    for seed, hashes in enumerate((planted(200, radius), skewed(150, radius), np.arange(200, dtype=np.uint64))):
        assert_same(hamming_pairs(hashes, radius, threads=1 + seed), brute_pairs(hashes, radius))
        left, right = hashes[::2], hashes[1::3]
        assert_same(hamming_between(left, right, radius), brute(left, right, radius))


@pytest.mark.parametrize("radius", [0, 1, 4, 6, 10, 12, 16])
@pytest.mark.parametrize("made", [planted, skewed])
def test_the_plan_of_its_own_choice_is_exact_too(monkeypatch, made, radius):
    monkeypatch.setattr(hamming_plan, "TABLE", 10_000.0)  # so that bands pay from a few hundred hashes on
    hashes = made(1_500, radius)
    assert_same(hamming_pairs(hashes, radius), brute_pairs(hashes, radius))
    left, right = hashes[:1_000], hashes[800:]
    assert_same(hamming_between(left, right, radius), brute(left, right, radius))


def test_a_radius_of_all_bits_and_sets_of_none():
    hashes, nothing = planted(40, 0), np.zeros(0, np.uint64)
    assert_same(hamming_pairs(hashes, 64), brute_pairs(hashes, 64))
    for empty in (nothing, np.repeat(hashes[:1], 9)):
        assert_same(hamming_pairs(empty, 64), brute_pairs(empty, 64))
    assert_same(hamming_between(hashes, nothing, 3), brute(hashes, nothing, 3))
    assert_same(hamming_between(hashes, hashes, 0), brute(hashes, hashes, 0))


def test_bits_are_moved_and_moved_back():
    hashes = planted(200, 3)
    bits = tuple(int(bit) for bit in np.random.default_rng(0).permutation(64))
    there = moved(hashes, bits)
    assert int(there[5]) == sum(((int(hashes[5]) >> bit) & 1) << place for place, bit in enumerate(bits))
    bands = Bands(bits, (0, 20, 40, 64), 1)
    assert (bands.restore(bands.arrange(hashes)) == hashes).all()
    assert (np.bitwise_count(there) == np.bitwise_count(hashes)).all()


def test_bands_where_they_pay_and_all_against_all_where_not():
    hashes = np.random.default_rng(0).integers(0, 2**64, 200_000, np.uint64, endpoint=False)
    assert cheapest(hashes, hashes, 4) is not None
    assert cheapest(hashes, hashes, 30) is None and cheapest(hashes[:1000], hashes[:1000], 4) is None
    assert hamming_plan.KEY_BITS >= cheapest(hashes, hashes, 1).key_bits() > 16


def test_the_hashes_of_real_pictures(shared):
    table = pq.read_table(shared / "cifar10_sample.parquet", columns=["jpg"]).slice(0, 3_000)
    greys = [open_stored(data).convert("L") for data in table.column(0).to_pylist()]
    greys += [open_stored(path.read_bytes()).convert("L") for path in sorted((shared / "photos").glob("*.jpg"))]
    hashes = phash(greys)
    for radius in (4, 10, 14):
        assert_same(hamming_pairs(hashes, radius), brute_pairs(hashes, radius))
