"""Masks in blocks: how many crops, how many patches, which shapes. RECIPES B8."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_training.losses.block_masking import block_mask, block_masks, ratio_slices


def test_golden_b8_slices_for_four():
    assert ratio_slices(4) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5], abs=1e-15)


def test_half_of_the_crops_one_from_each_slice():
    counts, where = [], np.zeros(8)
    for step in range(200):
        per_crop = block_masks(8, 14, 14, seed=7, step=step).sum((1, 2))
        where += per_crop > 0
        counts.append(sorted(per_crop[per_crop > 0]))
    assert {len(each) for each in counts} == {4}
    assert where.min() > 60  # each crop is masked in about half of the steps
    # The target is int(196 ratio), which ten tries at a block reach almost always, and never pass.
    assert (np.array(counts) <= 196 * ratio_slices(4)[1:]).all()
    reached = np.array(counts) >= (196 * ratio_slices(4)[:-1]).astype(int)
    assert reached.mean() > 0.97
    assert np.mean(counts, 0) / 196 == pytest.approx([0.15, 0.25, 0.35, 0.45], abs=0.02)


def test_one_block_has_the_bounded_aspect():
    shapes = set()
    for seed in range(1500):
        mask = block_mask(16, 16, 12, np.random.default_rng(seed))
        height, width = mask.any(1).sum(), mask.any(0).sum()
        if mask.sum() == 12 == height * width:  # one rectangle
            shapes.add((int(height), int(width)))
    assert shapes == {(2, 6), (3, 4), (4, 3), (6, 2)}  # 1 by 12 is beyond .3 to 3.33


def test_same_seed_and_step_same_masks():
    one, same, other = (block_masks(6, 8, 8, seed=1, step=step) for step in (3, 3, 4))
    assert (one == same).all() and (one != other).any()
    assert (block_masks(6, 8, 8, seed=2, step=3) != one).any()


def test_a_worker_draws_its_own_crops_as_all_would():
    whole = block_masks(12, 8, 8, seed=1, step=3)
    parts = [block_masks(12, 8, 8, seed=1, step=3, among=range(at, at + 4)) for at in (0, 4, 8)]
    assert (np.concatenate(parts) == whole).all() and whole.any((1, 2)).sum() == 6


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 150), st.integers(0, 9))
def test_never_more_than_asked(height, width, patches, seed):
    mask = block_mask(height, width, patches, np.random.default_rng(seed))
    assert mask.shape == (height, width) and mask.sum() <= patches


def test_nothing_to_mask():
    assert not block_masks(1, 8, 8, seed=0, step=0).any()
    assert not block_masks(4, 8, 8, seed=0, step=0, share=0).any()
