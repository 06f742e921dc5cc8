"""RECIPES C6."""

from itertools import permutations

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.compositional import caption_choice, winoground
from model_training.evaluation.winogavil import jaccard, prompt, winogavil


def test_golden_c6_jaccard_of_two_pairs_that_share_one():
    assert jaccard(np.array([0.9, 0.1, 0.8]), np.array([True, True, False])) == pytest.approx(1 / 3)


def test_golden_c6_guessing_at_random_on_winoground():
    orders = np.array(list(permutations(range(4))), np.float64).reshape(-1, 2, 2)
    assert [m.value for m in winoground(orders)] == pytest.approx([1 / 4, 1 / 4, 1 / 6])


def test_text_asks_the_image_and_image_asks_the_caption():
    # image 0 prefers its caption, and so does image 1; caption 1 prefers image 0
    found = winoground(np.array([[[0.9, 0.8], [0.1, 0.7]]]))
    assert {m.name: m.value for m in found} == {"text_score": 1, "image_score": 0, "group_score": 0}
    assert [m.value for m in winoground(np.swapaxes([[[0.9, 0.8], [0.1, 0.7]]], 1, 2))] == [0, 1, 0]
    assert [m.value for m in winoground(np.ones((3, 2, 2)))] == [0, 0, 0]


def test_caption_choice():
    found = caption_choice(np.array([[0.5, 0.4, 0.1], [0.5, 0.5, 0.1], [0.2, 0.1, 0.3]]))
    assert found.value == pytest.approx(1 / 3) and found.hits.tolist() == [1, 0, 0]
    for wrong in (np.ones((2, 1)), np.ones(3), np.full((2, 2), np.nan), np.ones((0, 2))):
        with pytest.raises(InputError):
            caption_choice(wrong)
    with pytest.raises(InputError, match="two images"):
        winoground(np.ones((2, 2)))


def test_winogavil():
    assert [prompt(cue) for cue in ("Orange", "unicorn", "pen")] == ["An orange", "An unicorn", "A pen"]
    few = (np.array([0.9, 0.1, 0.8, 0.2, 0.3]), np.array([1, 1, 0, 0, 0], bool))
    many = (np.arange(10.0), np.arange(10) > 7)
    found = winogavil(*zip(few, many, strict=True))
    assert [(m.name, m.value, m.n) for m in found] == [
        ("jaccard", pytest.approx(2 / 3), 2),
        ("jaccard_10_to_12", 1.0, 1),
    ]
    assert [m.name for m in winogavil([few[0]], [few[1]])] == ["jaccard"]
    assert jaccard(np.ones(4), np.array([0, 0, 1, 1], bool)) == 0  # all alike: the first are chosen


def test_winogavil_refuses():
    with pytest.raises(InputError, match="no association"):
        jaccard(np.ones(3), np.zeros(3, bool))
    with pytest.raises(InputError, match="blank"):
        prompt(" ")
    with pytest.raises(InputError, match="no item"):
        winogavil([], [])
