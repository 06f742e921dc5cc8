"""RECIPES A7 to A9: the values of perceptual hashes, SemDeDup beside a greedy one, components, a chain to a set."""

import io
import math

import imagehash
import numpy as np
import polars as pl
import pytest
import scipy.fft
from PIL import Image

from curate import schema as c
from curate.ask import ask
from curate.corpus.hamming import hamming_between, hamming_pairs
from curate.corpus.hash_pairs import degenerate
from curate.corpus.semdedup import largest_before
from curate.filters.decontaminate import Decontaminate
from curate.filters.embedding_dedup import EmbeddingDedup
from curate.filters.phash_dedup import PHashDedup
from curate.images import open_stored
from curate.signals.hashes import ahash, dhash
from curate.signals.phash import phash
from tests.claims.test_transforms import imagededup_phash
from tests.conftest import picture, samples

NOISE = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))


def grey(array):
    return Image.fromarray(np.asarray(array, np.uint8), "L")


def hexes(hashes):
    return [f"{int(value):016x}" for value in hashes]


def distance(a, b):
    (found,) = hamming_between(np.array([a], np.uint64), np.array([b], np.uint64), 64)[2].tolist()
    return found


# -- A7 ----------------------------------------------------------------------------------------------------
def test_golden_a7_noise_by_both_rules():
    (ours,), (theirs,) = phash([grey(NOISE)]), imagededup_phash([grey(NOISE)])
    assert hexes([ours, theirs]) == ["949b3e1a2d9f3702", "949bbe1a2d9f3702"]
    assert str(imagehash.phash(grey(NOISE))) == "949b3e1a2d9f3702"
    assert int(ours).bit_count() == 32 and distance(ours, theirs) == 1


@pytest.mark.parametrize("level", [0, 1, 2, 127, 128, 254, 255])
def test_golden_a7_a_constant_image(level):
    flat = [grey(np.full((32, 32), level)), grey(np.full((40, 70), level))]
    assert set(hexes(phash(flat))) == {"8000000000000000" if level else "0000000000000000"}
    assert set(hexes(dhash(flat))) == set(hexes(ahash(flat))) == {"0000000000000000"}
    assert set(hexes(imagededup_phash(flat))) == {"ffffffffffffffff"}


def test_golden_a7_the_dc_term_of_a_constant_of_128_is_524288():
    waves = scipy.fft.dct(scipy.fft.dct(np.full((32, 32), 128.0), axis=0), axis=1)
    assert waves[0, 0] == 4 * 32 * 32 * 128 == 524_288
    assert np.abs(waves).sum() == waves[0, 0]


def test_golden_a7_a_ramp_its_mirror_and_a_grey_card():
    ramp, mirror = grey(RAMP), grey(RAMP[:, ::-1])
    found = phash([ramp, mirror])
    assert hexes(found) == ["8000000000000000", "d500000000000000"] and distance(*found) == 4
    assert hexes(phash([grey(np.full((64, 64), 90))])) == hexes(found[:1])
    assert hexes(dhash([ramp])) == ["f" * 16] and hexes(ahash([ramp])) == ["0f" * 8]
    assert degenerate(np.array([found[0], 0, 2**64 - 1], np.uint64)).all()


def test_golden_a7_distances():
    hashes = np.unique(np.random.default_rng(1).integers(0, 2**63, 30, np.uint64))
    for a in hashes[:6]:
        assert distance(a, a) == 0
        assert all(distance(a, b) == distance(b, a) == int(a ^ b).bit_count() for b in hashes)
    pairs = hamming_pairs(np.concatenate([hashes, hashes]), 64)
    assert len(pairs[0]) == 30 * 29 // 2 and (pairs[0] < pairs[1]).all()


def test_golden_a7_a_png_has_the_hash_of_what_it_was_made_from():
    images = [open_stored(picture(seed, (90 + seed, 70))).convert("L") for seed in range(5)] + [grey(NOISE), grey(RAMP)]
    again = []
    for image in images:
        sink = io.BytesIO()
        image.save(sink, "PNG")
        again.append(open_stored(sink.getvalue()).convert("L"))
    for kind in (phash, dhash, ahash):
        assert (kind(images) == kind(again)).all()


def test_golden_a7_ten_bits_are_near_and_eleven_are_not():
    base = 0x0F0F_1234_5678_9ABC
    for bits, kept in ((10, 1), (11, 2)):
        frame = samples(2, phash=pl.Series([base, base ^ (2**bits - 1) << 7], dtype=pl.UInt64))
        assert ask(frame, [PHashDedup(max_distance=10)]).kept == kept


# -- A8 ----------------------------------------------------------------------------------------------------
def turned(*degrees):
    return np.array([[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in degrees])


def greedy(vectors, epsilon):
    """Not the published rule: near to what was kept."""
    kept = []
    for i, vector in enumerate(vectors):
        if all(vector @ vectors[j] <= 1 - epsilon for j in kept):
            kept.append(i)
    return kept


def test_golden_a8_semdedup_is_not_greedy():
    abc = turned(0, 13, 26)
    assert [abc[0] @ abc[1], abc[0] @ abc[2]] == pytest.approx([0.97437, 0.89879], abs=5e-6)
    for order, published, compared_with_kept in (([0, 1, 2], "A", "AC"), ([0, 2, 1], "AC", "AC")):
        _, most = largest_before(abc[order].astype(np.float16))
        assert "".join("ABC"[i] for i, m in zip(order, most, strict=True) if m <= 1 - 0.05) == published
        assert "".join("ABC"[order[i]] for i in greedy(abc[order], 0.05)) == compared_with_kept


def kept_of(vectors, filters, outside=None, order=None):
    """The places in `vectors` of the images that stay."""
    vectors = np.asarray(vectors, np.float16)
    column = pl.Series(vectors, dtype=pl.Array(pl.Float16, vectors.shape[1]))
    frame = samples(len(vectors), embedding_m=column).with_row_index("place")
    frame = frame if order is None else frame[order]
    answer = ask(frame, filters, outside=outside)
    return sorted(frame["place"].to_numpy()[answer.keep].tolist())


@pytest.mark.parametrize("seed", range(4))
def test_golden_a8_components_in_any_order(seed):
    order = np.random.default_rng(seed).permutation(3)
    for degrees, threshold, kept in (
        ((0, 13, 26), 0.95, [0]),
        ((0, 45.57, 91.14), 0.6, [0]),
        ((0, 45.57, 91.14), 0.75, [0, 1, 2]),
    ):
        assert kept_of(turned(*degrees), [EmbeddingDedup(model="m", threshold=threshold)], order=order) == kept


# -- A9 ----------------------------------------------------------------------------------------------------
def test_golden_a9_p_at_50_and_its_neighbour_q_at_10_go_together():
    image, p = np.array([1, 0, 0]), np.array([0.5, math.sqrt(0.75), 0])
    along = (0.5 - 0.1 * 0.5) / p[1]
    q = np.array([0.1, along, math.sqrt(1 - 0.01 - along**2)])
    assert [p @ image, p @ q, q @ image] == pytest.approx([0.5, 0.5, 0.1])
    rows = [p, q, np.array([0, -1, 0])]
    outside = {"set": pl.DataFrame({c.ITEM: ["x"], "embedding_m": pl.Series([image], dtype=pl.Array(pl.Float16, 3))})}
    for threshold, kept in ((0.45, [2]), (0.6, [0, 1, 2])):
        item = Decontaminate(against={"set": "x.tar"}, model="m", rule="component", threshold=threshold)
        assert kept_of(rows, [item], outside) == kept
