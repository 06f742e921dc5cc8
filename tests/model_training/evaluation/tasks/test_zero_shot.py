import json

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import content, evaluate, load
from model_training.evaluation.kinds import Evaluation
from tests.model_training.evaluation.made import Written, colour, png, table, tar

EXACT = Written(
    {colour(0): (1, 0), colour(1): (0, 1), colour(2): (3, 4), colour(3): (0, 1)},
    {"a cat": (1, 0), "a dog": (0, 1), "photo of a cat": (1, 0), "photo of a dog": (0, 1)},
)


@pytest.fixture
def classes(tmp_path):
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": ["cat", "dog"], "templates": ["a {}"]}))
    return str(tmp_path / "classes.yaml")


def test_where_labels_are_lists_it_is_real_accuracy_by_table_and_by_tar(tmp_path, classes):
    labels = [["cat"], ["cat", "dog"], ["cat"], []]
    table(tmp_path / "real.parquet", [png(i) for i in range(4)], labels=labels)
    members = [m for i in range(4) for m in ((f"{i}.png", png(i)), (f"{i}.json", {"label": labels[i]}))]
    tar(tmp_path / "real.tar", members)
    for name in ("real.parquet", "real.tar"):
        real, precision = evaluate(EXACT, Evaluation("e", "zero_shot", (f"{tmp_path}/{name}",), classes))
        assert (real.name, real.value, real.hits.tolist()) == ("real_top1", pytest.approx(2 / 3), [1, 1, 0])
        # cat: cosines 1, 0, .6, all three shown; dog: 0, 1, .8, the second shown
        assert (precision.name, precision.value) == ("mean_average_precision", pytest.approx(1.0))


def test_a_real_clip_is_judged_by_several_labels(encoders, tmp_path, classes):
    table(tmp_path / "real.parquet", [png(i) for i in range(6)], labels=[["cat"], ["dog"], None, [], ["cat"], ["dog"]])
    task = load(Evaluation("e", "zero_shot", (f"{tmp_path}/real.parquet",), classes))
    real, precision = evaluate(encoders[0], task)
    assert real.n == precision.n == 4 and 0 <= real.value <= 1 and 0 < precision.value <= 1


def test_a_label_is_needed_for_every_image_unless_they_are_lists(tmp_path, classes):
    bad = table(tmp_path / "bad.parquet", [png(0), png(1)], labels=["cat", None])
    with pytest.raises(InputError, match="row 1: has no label"):
        load(Evaluation("e", "zero_shot", (bad,), classes))
    bad = table(tmp_path / "mauve.parquet", [png(0)], labels=[["cat", "mauve"]])
    with pytest.raises(InputError, match="label 'mauve' is not among"):
        load(Evaluation("e", "zero_shot", (bad,), classes))


@pytest.fixture
def clip_benchmark(tmp_path):
    """A folder as LAION-AI/CLIP_benchmark's WebDatasets lie."""
    folder = tmp_path / "wds_pets"
    (folder / "test").mkdir(parents=True)
    (folder / "train").mkdir()
    (folder / "classnames.txt").write_text("cat\ndog\n")
    (folder / "zeroshot_classification_templates.txt").write_text("a {c}\nphoto of a {c}\n")
    tar(folder / "test" / "0.tar", [("s0.cls", b"0"), ("s0.png", png(0)), ("s1.cls", b"1\n"), ("s1.png", png(1))])
    tar(folder / "test" / "1.tar", [("s2.cls", b"0"), ("s2.png", png(2))])
    tar(folder / "train" / "0.tar", [("s3.cls", b"1"), ("s3.png", png(3)), ("s4.cls", b"0"), ("s4.png", png(256))])
    return folder


def test_clip_benchmarks_folders_are_read_by_their_path(clip_benchmark):
    asked = Evaluation("e", "zero_shot", (str(clip_benchmark),), str(clip_benchmark))
    task = load(asked)
    assert task.classes.templates == ("a {}", "photo of a {}") and len(task.items) == 3
    assert {m.name: m.value for m in evaluate(EXACT, task)}["top1"] == pytest.approx(2 / 3)
    probe = load(Evaluation("e", "knn", (str(clip_benchmark),), str(clip_benchmark), (str(clip_benchmark),), ks=(1,)))
    np.testing.assert_array_equal(probe.train.labels, [1, 0])
    before = content(asked)
    (clip_benchmark / "classnames.txt").write_text("dog\ncat\n")
    assert content(asked) != before


def test_a_folder_without_test_holds_its_own_tars_and_one_without_any_is_refused(clip_benchmark, tmp_path):
    (tmp_path / "flat").mkdir()
    (clip_benchmark / "test" / "0.tar").rename(tmp_path / "flat" / "0.tar")
    assert len(load(Evaluation("e", "zero_shot", (f"{tmp_path}/flat",), str(clip_benchmark))).items) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: there is no such file"):
        load(Evaluation("e", "zero_shot", (f"{tmp_path}/empty",), str(clip_benchmark)))
    with pytest.raises(InputError, match=r"classnames\.txt: cannot be read"):
        load(Evaluation("e", "zero_shot", (f"{tmp_path}/flat",), f"{tmp_path}/flat"))
    (clip_benchmark / "zeroshot_classification_templates.txt").write_text("a thing\n")
    with pytest.raises(InputError, match="template 'a thing' has not exactly one"):
        load(Evaluation("e", "zero_shot", (f"{tmp_path}/flat",), str(clip_benchmark)))


def test_digits_are_numbers_in_clip_benchmarks_folders_even_where_classes_are_named_by_numbers(clip_benchmark):
    (clip_benchmark / "classnames.txt").write_text("1\n0\n")
    task = load(Evaluation("e", "knn", (str(clip_benchmark),), str(clip_benchmark), (str(clip_benchmark),), ks=(1,)))
    np.testing.assert_array_equal(task.test.labels, [0, 1, 0])
