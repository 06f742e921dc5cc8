"""Sums and maxima over workers that really meet, and over one that is alone."""

from functools import partial

import pytest

from model_training.libraries import torch
from model_training.losses.all_reduce import all_reduce
from tests.model_training.losses.workers import meet


@pytest.mark.parametrize(("by", "expected"), [("sum", [6.0, 3.0]), ("max", [3.0, 2.0])])
def test_over_three_workers(by, expected):
    own = [torch.tensor(each) for each in ([1.0, 2.0], [2.0, 1.0], [3.0, 0.0])]
    found = meet([partial(lambda value, reduce: reduce(value, by), value) for value in own])
    assert [each.tolist() for each in found] == [expected] * 3
    assert [each.tolist() for each in own] == [[1.0, 2.0], [2.0, 1.0], [3.0, 0.0]]


def test_alone():
    assert all_reduce(torch.tensor([1.0, 2.0]), "sum").tolist() == [1.0, 2.0]
