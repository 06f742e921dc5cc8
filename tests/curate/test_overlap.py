import numpy as np
import pytest

from curate.overlap import overlap


def test_golden_a2_all_overlap_and_clean():
    # 10 items overlap, 9 of them right; 90 are clean, 45 right.
    correct = np.array([True] * 9 + [False] + [True] * 45 + [False] * 45)
    found = overlap(correct, np.arange(100) < 10)
    assert (found.items, found.overlapping) == (100, 10)
    assert (found.accuracy, found.overlap_accuracy, found.clean_accuracy) == (0.54, 0.9, 0.5)
    assert found.inflation == pytest.approx(0.04)
    assert found.p_value == pytest.approx(11 / 1024)  # at least 9 heads of 10
    assert found.interval[0] < 0.5 < 0.9 < found.interval[1] < 1


def test_nothing_overlaps_or_everything_does():
    correct = np.array([True, False])
    clean = overlap(correct, np.array([False, False]))
    assert (clean.inflation, clean.p_value, clean.overlap_accuracy) == (0.0, None, None)
    whole = overlap(correct, np.array([True, True]))
    assert (whole.inflation, whole.p_value, whole.clean_accuracy, whole.overlap_accuracy) == (None, None, None, 0.5)
