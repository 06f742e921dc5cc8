import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.corpus.hierarchical_sampling import allocate, share_out


def share(sizes, target, order=None):
    return share_out(np.array(sizes), target, np.arange(len(sizes)) if order is None else np.array(order)).tolist()


def test_golden_a10_one_level():
    assert share([10, 3, 1], 8) == [4, 3, 1]
    assert share([10, 10, 1], 8) == [4, 3, 1] and share([10, 10, 1], 8, [1, 0, 2]) == [3, 4, 1]
    assert share([100, 1, 1], 50) == [48, 1, 1]
    assert share([4, 2], 10) == [4, 2]


@pytest.mark.parametrize("seed", range(10))
def test_golden_a10_two_levels(seed):
    order = np.random.default_rng(seed).permutation(4)
    given_ = allocate(np.array([90, 5, 5, 10]), [np.array([0, 0, 0, 1])], 24, [order, np.array([0, 1])])
    assert given_[3] == 10 and given_[:3].sum() == 14 and set(given_[:3].tolist()) == {4, 5}


def test_where_the_remainder_goes_depends_on_the_draws_alone():
    assert {tuple(share([9, 9, 9], 10, np.roll([0, 1, 2], i))) for i in range(3)} == {(4, 3, 3), (3, 4, 3), (3, 3, 4)}


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.integers(0, 600), st.integers(0, 99))
def test_golden_a10_properties(sizes, target, seed):
    given_ = np.array(share(sizes, target, np.random.default_rng(seed).permutation(len(sizes))))
    assert given_.sum() == min(target, sum(sizes))
    assert (given_ <= sizes).all() and (given_ >= 0).all()
    open_ = given_[given_ < sizes]
    assert not len(open_) or open_.max() - open_.min() <= 1
    # The published cut: the largest integer c with sum(min(c, s)) <= T.
    if sum(sizes) > target:
        cut = max(x for x in range(max(sizes) + 1) if np.minimum(x, sizes).sum() <= target)
        assert (given_ >= np.minimum(cut, sizes)).all() and (given_ <= np.minimum(cut + 1, sizes)).all()


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=1, max_size=30), st.integers(0, 500))
def test_a_tree_shares_out_everything_that_there_is(children, target):
    sizes, parents = (np.array(x) for x in zip(*children, strict=True))
    above = np.array([0, 0, 0, 1, 1, 1])
    orders = [np.arange(len(sizes)), np.arange(6), np.arange(2)]
    given_ = allocate(sizes, [parents, above], target, orders)
    assert given_.sum() == min(target, sizes.sum()) and (given_ <= sizes).all()
    tops = np.bincount(above[parents], weights=sizes, minlength=2)
    assert np.bincount(above[parents], weights=given_, minlength=2).tolist() == share(tops.astype(int), target)
