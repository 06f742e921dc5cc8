import numpy as np
import pytest

from model_training.evaluation.evaluate import evaluate
from model_training.evaluation.items import OnDisk, Room
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.tasks.knn import Knn
from model_training.evaluation.tasks.labelled import load_splits
from tests.model_training.evaluation.made import table
from tests.model_training.evaluation.pictured import images_of, labels_of


@pytest.fixture
def asked(tmp_path):
    for name, count, first in (("train", 12, 0), ("test", 6, 1000)):
        table(tmp_path / f"{name}.parquet", images_of(labels_of(count), first), labels=labels_of(count))
    places = {name: (f"{tmp_path}/{name}.parquet",) for name in ("train", "test")}
    return Evaluation("e", "knn", places["test"], train=places["train"], ks=(1, 3))


def test_a_split_that_is_too_large_to_be_held_is_read_for_each_model_and_gives_the_same(asked, vit):
    held, read = (Knn(asked, *load_splits(asked, Room(1 << 20, files))) for files in (1 << 30, 0))
    assert isinstance(held.train.items, tuple) and isinstance(read.train.items, OnDisk)
    np.testing.assert_array_equal(held.train.labels, read.train.labels)
    assert evaluate(vit, held) == evaluate(vit, read) == evaluate(vit, read)


def test_classes_are_numbered_in_the_order_of_the_alphabet(asked):
    train, test, classes = load_splits(asked, Room(0))
    assert classes.classes == ("blue", "green", "red")
    assert train.labels.tolist() == [2, 1, 0] * 4 and test.labels.tolist() == [2, 1, 0] * 2
