from itertools import islice

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.minibatch import cosine, minibatches, tensors


def test_the_rate_falls_by_half_a_cosine_from_one_towards_zero():
    assert [cosine(step, 4) for step in range(4)] == pytest.approx([1, 0.853553, 0.5, 0.146447], abs=1e-6)


def test_every_pass_has_each_row_once_in_an_order_of_its_own_that_the_seed_decides():
    def passes(seed):
        return [np.concatenate(list(islice(stream, 4))) for stream in [minibatches(10, 3, seed)] for _ in range(2)]

    first, second = passes(0)
    assert sorted(first) == sorted(second) == list(range(10)) and (first != second).any()
    np.testing.assert_array_equal(passes(0), [first, second])
    assert (passes(1)[0] != first).any()
    assert [len(part) for part in islice(minibatches(10, 3, 0), 5)] == [3, 3, 3, 1, 3]


def test_what_cannot_be_fitted_is_refused():
    ones = np.ones((2, 3))
    x, y = tensors(ones, np.array([0, 1]), 2)
    assert x.dtype.itemsize == 4 and y.tolist() == [0, 1]
    for features, labels in ((ones, [0]), (ones * np.nan, [0, 1]), (ones[:0], [])):
        with pytest.raises(InputError, match="cannot be fitted"):
            tensors(features, np.array(labels, int), 2)
    with pytest.raises(InputError, match=r"labels must be in 0\.\.1"):
        tensors(ones, np.array([0, 2]), 2)
