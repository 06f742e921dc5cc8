import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.kinds import Evaluation
from tests.model_training.evaluation.made import png, table
from tests.model_training.evaluation.pictured import images_of, labels_of


@pytest.fixture
def sets(tmp_path):
    train, test = labels_of(30), labels_of(12)
    table(tmp_path / "train.parquet", images_of(train), labels=train)
    table(tmp_path / "test.parquet", images_of(test, 1000), labels=test)
    return tmp_path


def asked(sets, **options):
    return Evaluation("e", "knn", (f"{sets}/test.parquet",), train=(f"{sets}/train.parquet",), **options)


def test_clips_and_vision_transformers_tell_colours_apart_by_their_neighbours(sets, encoders, vit):
    task = load(asked(sets))
    for model in (encoders[0], vit):
        found = {m.name: m for m in evaluate(model, task)}
        assert list(found) == [f"knn{k}_{name}" for k in (10, 20) for name in ("top1", "mean_per_class_recall")]
        assert found["knn10_top1"].value == 1.0 and found["knn10_top1"].n == 12
        for m in found.values():
            assert m.hits.mean() == pytest.approx(m.value) and m.hits.shape == (12,)


def test_few_of_each_class_are_drawn_five_times_and_averaged(sets, vit):
    few = {m.name: m for m in evaluate(vit, asked(sets, ks=(1, 2), per_class=2))}
    assert set(few) == {f"knn{k}_{name}" for k in (1, 2) for name in ("top1", "mean_per_class_recall")}
    top1 = few["knn1_top1"]
    assert top1.value > 0.8 and top1.hits.shape == (12,) and top1.value == pytest.approx(top1.hits.mean())
    with pytest.raises(InputError, match=r"class 0 has 10 of 11 images"):
        evaluate(vit, asked(sets, ks=(1,), per_class=11))


def test_labels_that_are_numbers_are_in_the_order_of_numbers(tmp_path):
    numbers = [10, 9, 2] * 4
    table(tmp_path / "train.parquet", images_of(labels_of(12)), labels=numbers)
    table(tmp_path / "test.parquet", images_of(labels_of(3), 50), labels=[2, 9, 10])
    task = load(asked(tmp_path))
    assert task.classes.classes == ("2", "9", "10")
    np.testing.assert_array_equal(task.test.labels, [0, 1, 2])


def test_what_cannot_be_judged_is_refused(sets, vit, tmp_path):
    with pytest.raises(InputError, match=r"no k of \[31\]"):
        evaluate(vit, asked(sets, ks=(31,)))
    with pytest.raises(InputError, match="knn has no training images"):
        load(Evaluation("e", "knn", (f"{sets}/test.parquet",)))
    same = Evaluation("e", "knn", (f"{sets}/train.parquet",), train=(f"{sets}/train.parquet",))
    with pytest.raises(InputError, match=r"train\.parquet: is also among the training images"):
        load(same)
    other = table(tmp_path / "other.parquet", [png(3)], labels=["mauve"])
    with pytest.raises(InputError, match="label 'mauve' is not among the 3 classes"):
        load(Evaluation("e", "knn", (other,), train=(f"{sets}/train.parquet",)))
    with pytest.raises(InputError, match="are of one class"):
        load(Evaluation("e", "knn", (f"{sets}/test.parquet",), train=(other,)))
    unlabelled = table(tmp_path / "unlabelled.parquet", [png(4)])
    with pytest.raises(InputError, match="has no label"):
        load(Evaluation("e", "knn", (unlabelled,), train=(f"{sets}/train.parquet",)))
    with pytest.raises(InputError, match=r"none\.tar: there is no such file\n  -> check `train` under `eval`"):
        load(Evaluation("e", "knn", (f"{sets}/test.parquet",), train=("none.tar",)))
