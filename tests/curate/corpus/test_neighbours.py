import numpy as np
import pytest

from curate.corpus import neighbours
from curate.corpus.neighbours import above, nearest


def unit(rows, width=24, seed=0):
    found = np.random.default_rng(seed).standard_normal((rows, width))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def brute(queries, points, k, same=False):
    """By definition: every cosine in float64, cosine descending, then index."""
    cosines = (queries.astype(np.float64) @ points.astype(np.float64).T).astype(np.float32)
    indices = []
    for i, row in enumerate(cosines):
        order = sorted(range(len(row)), key=lambda j: (-row[j], j))
        indices.append([j for j in order if not (same and j == i)][:k])
    return np.array(indices), np.take_along_axis(cosines, np.array(indices), 1)


@pytest.fixture(params=[(16_384, 65_536), (7, 50)])
def blocks(request, monkeypatch):
    monkeypatch.setattr(neighbours, "QUERIES", request.param[0])
    monkeypatch.setattr(neighbours, "POINTS", request.param[1])


@pytest.mark.parametrize("copies", [1, 40])
def test_nearest_is_brute_force_ties_included(blocks, copies):
    points = np.concatenate([unit(200)] + [unit(3, seed=9)] * copies)
    queries = np.concatenate([unit(20, seed=1), points[200:203]])
    found = nearest(queries, points, 10)
    indices, cosines = brute(queries, points, 10)
    assert (found.indices == indices).all() and (found.cosines == cosines).all()
    assert found.indices.dtype == np.int64 and found.cosines.dtype == np.float32


@pytest.mark.parametrize("copies", [1, 40])
def test_among_themselves_no_point_is_its_own_neighbour(blocks, copies):
    points = np.concatenate([unit(100)] + [unit(2, seed=9)] * copies)
    found = nearest(points, points, 6, same=True)
    indices, cosines = brute(points, points, 6, same=True)
    assert (found.indices == indices).all() and (found.cosines == cosines).all()


def test_copies_of_one_image_hang_together_by_the_smallest_indices():
    points = np.concatenate([unit(50, seed=2), np.repeat(unit(1, seed=3), 100, axis=0)])
    found = nearest(points, points, 5, same=True)
    assert found.indices[149].tolist() == [50, 51, 52, 53, 54] and found.indices[50].tolist() == [51, 52, 53, 54, 55]


def test_fewer_points_than_k():
    found = nearest(unit(2, seed=1), unit(3), 5)
    assert (found.indices[:, 3:] == -1).all() and np.isneginf(found.cosines[:, 3:]).all()
    assert sorted(found.indices[0, :3]) == [0, 1, 2]
    assert nearest(unit(2), unit(0), 2).indices.tolist() == [[-1, -1]] * 2
    assert nearest(unit(0), unit(3), 2).indices.shape == (0, 2)
    assert nearest(unit(1), unit(1), 2, same=True).indices.tolist() == [[-1, -1]]
    assert len(found.pairs()[0]) == 6


def test_above_is_every_pair_and_strict(blocks):
    points = np.concatenate([unit(150), unit(30)])
    cosines = (points.astype(np.float64) @ points.astype(np.float64).T).astype(np.float32)
    floor = float(cosines[3, 17])  # a pair lies on it
    rows, others, values = above(points, points, floor, same=True)
    expected = [(i, j) for i in range(180) for j in range(i + 1, 180) if cosines[i, j] > floor]
    assert list(zip(rows.tolist(), others.tolist(), strict=True)) == expected and (3, 17) not in expected
    assert (values == cosines[rows, others]).all()
    rows, others, _ = above(points[:9], points[20:], floor)
    assert (rows.tolist(), others.tolist()) == tuple(x.tolist() for x in np.nonzero(cosines[:9, 20:] > floor))


def test_law_a_cosine_depends_on_its_pair_alone():
    queries, points = unit(60, 384, seed=4), unit(3_000, 384, seed=5)
    whole = nearest(queries, points, 8)
    order = np.random.default_rng(6).permutation(len(points))
    shuffled = nearest(queries[::-1], points[order], 8)
    assert (order[shuffled.indices[::-1]] == whole.indices).all()
    assert (shuffled.cosines[::-1] == whole.cosines).all()
    alone = nearest(queries[:1], points[whole.indices[0]], 8)
    assert (alone.cosines[0] == whole.cosines[0]).all()
