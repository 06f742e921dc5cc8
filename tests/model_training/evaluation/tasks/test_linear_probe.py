import json

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.adamw_probe import datacomp_probe
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.vectors import all_image_vectors
from model_training.evaluation.zero_shot import class_vectors
from tests.model_training.evaluation.made import table
from tests.model_training.evaluation.pictured import NAMES, images_of, labels_of

RECIPES = ("clip", "clip_benchmark", "dinov2_logistic", "dinov2_linear", "datacomp")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    train, test = labels_of(45), labels_of(15)
    table(folder / "train.parquet", images_of(train), labels=train)
    table(folder / "test.parquet", images_of(test, 1000), labels=test)
    (folder / "classes.yaml").write_text(json.dumps({"classes": NAMES[:3], "templates": ["a {} thing"]}))
    return folder


def asked(sets, recipe, iterations=None, data="test.parquet"):
    classes = f"{sets}/classes.yaml" if recipe == "datacomp" else None
    train = (f"{sets}/train.parquet",)
    return Evaluation("e", "linear_probe", (f"{sets}/{data}",), classes, train, recipe, iterations=iterations)


@pytest.mark.parametrize("recipe", RECIPES[:4])
def test_every_recipe_reads_the_colour_from_a_clip(sets, encoders, recipe):
    iterations = {"clip": 20, "dinov2_logistic": 20, "dinov2_linear": 3000}.get(recipe)
    task = load(asked(sets, recipe, iterations))
    first, second = evaluate(encoders[0], task), evaluate(encoders[0], task)
    least = 0.9 if recipe == "dinov2_linear" else 1.0  # four images choose among 13 rates
    assert {m.name: m.value >= least for m in first} == {"top1": True, "mean_per_class_recall": True}
    assert first == second and first[0].hits.shape == (15,)


def test_datacomps_recipe_begins_at_the_class_names_vectors(sets, encoders):
    task = load(asked(sets, "datacomp"))
    train, test = (all_image_vectors(encoders[0], split.items, 8) for split in (task.train, task.test))
    probe = datacomp_probe(train, task.train.labels, class_vectors(encoders[0], task.classes))
    assert evaluate(encoders[0], task) == probe.metrics(test, task.test.labels)
    zero = Evaluation("z", "zero_shot", (f"{sets}/test.parquet",), f"{sets}/classes.yaml")
    assert evaluate(encoders[0], task)[0].value == evaluate(encoders[0], zero)[0].value  # 40 small steps from there


def test_test_labels_never_touch_what_is_fitted(sets, encoders):
    """With the test labels turned, every answer is the same and so every one is wrong."""
    turned = [NAMES[(i + 1) % 3] for i in range(15)]
    table(sets / "turned.parquet", images_of(labels_of(15), 1000), labels=turned)
    for recipe in RECIPES:
        found = evaluate(encoders[0], asked(sets, recipe, 20 if recipe == "clip" else 10, "turned.parquet"))
        right = evaluate(encoders[0], asked(sets, recipe, 20 if recipe == "clip" else 10))
        assert not (found[0].hits.astype(bool) & right[0].hits.astype(bool)).any()


class Vectors:
    """The same encoder's vectors, and nothing of its blocks."""

    def __init__(self, encoder):
        self.encode_images = encoder.encode_images


def test_dinov2_linear_reads_blocks_where_a_model_shows_them_and_one_vector_of_any_other(sets, vit):
    task = load(asked(sets, "dinov2_linear", 60))
    assert len(task._inputs(Vectors(vit), task.test, 8)) == 1
    read = {(given.blocks, given.mean_patch): t.shape for given, t in task._inputs(vit, task.test, 8).items()}
    assert read == {(n, mean): (15, (n + mean) * vit.width) for n in (1, 4) for mean in (False, True)}
    for model in (vit, Vectors(vit)):
        assert evaluate(model, task)[0].value > 0.9


def test_a_recipe_with_class_names_needs_them_and_a_model_that_reads_them(sets, vit):
    with pytest.raises(InputError, match="cannot judge a model without encode_texts"):
        evaluate(vit, asked(sets, "datacomp"))
    with pytest.raises(InputError, match="begins at the class names' vectors"):
        load(Evaluation("e", "linear_probe", (f"{sets}/test.parquet",), None, (f"{sets}/train.parquet",), "datacomp"))


def test_a_model_whose_vectors_are_not_finite_is_refused(sets, vit):
    class Broken:
        def encode_images(self, images):
            return np.full((len(images), 4), np.nan, np.float32)

    for recipe in RECIPES[:4]:
        with pytest.raises(InputError, match="not finite"):
            evaluate(Broken(), asked(sets, recipe, 5))
