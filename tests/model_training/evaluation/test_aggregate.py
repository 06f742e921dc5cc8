"""RECIPES C7."""

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.aggregate import DATACOMP, DATACOMP_GROUPS, aggregate, average
from model_training.evaluation.real_labels import real_accuracy


@pytest.mark.parametrize("damage", [{}, {"MNIST": float("nan")}])
def test_golden_c7_a_missing_set_is_an_error_not_a_smaller_denominator(damage):
    results = {name: 0.5 for name in DATACOMP if name != "MNIST"} | damage
    with pytest.raises(InputError, match="1 of 38 evaluation sets have no number: MNIST"):
        aggregate(results)
    with pytest.raises(InputError, match="none named"):
        average(results, ())


def test_datacomp_has_38_sets_in_five_groups():
    assert len(DATACOMP) == len(set(DATACOMP)) == 38
    assert [len(sets) for sets in DATACOMP_GROUPS.values()] == [1, 6, 13, 3, 38]
    results = {name: number / 38 for number, name in enumerate(DATACOMP)}
    found = aggregate(results | {"another": 1.0})
    assert found["Average"] == pytest.approx(np.mean(list(results.values())))
    assert found["ImageNet"] == 0 and found["ImageNet dist. shifts"] == pytest.approx(3.5 / 38)


def test_real_labels_skip_images_without():
    found = real_accuracy(np.array([3, 1, 4, 1]), [{3, 5}, set(), [5], (1,)])
    assert found.value == pytest.approx(2 / 3) and found.n == 3
    for predicted, labels in (([1], [[]]), ([1, 2], [[1]]), ([], [])):
        with pytest.raises(InputError):
            real_accuracy(np.array(predicted), labels)
