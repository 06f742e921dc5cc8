import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.multi_label import multi_label_metrics


def test_images_without_labels_are_skipped_by_both_metrics():
    similarity = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.6], [0.1, 0.9]])
    real, precision = multi_label_metrics(similarity, [(0,), (), (1,), (0, 1)])
    assert (real.name, real.value, real.n, real.hits.tolist()) == ("real_top1", pytest.approx(2 / 3), 3, [1, 0, 1])
    # class 0: scores .9 .7 .1, shown by the first and third: (1 + 2/3) / 2; class 1: .1 .6 .9, the second and third: 1
    assert (precision.name, precision.value, precision.n) == ("mean_average_precision", pytest.approx(11 / 12), 3)
    assert precision.hits is None
    with pytest.raises(InputError, match="no label"):
        multi_label_metrics(similarity, [()] * 4)
