import sys
from subprocess import run
from typing import get_args

import pytest

from curate.errors import InputError
from model_training.evaluation import kinds
from model_training.evaluation.evaluate import TASKS, evaluate
from model_training.evaluation.kinds import Evaluation, needs, primary, refuse_unable


def test_every_kind_is_in_every_table():
    every = set(get_args(kinds.Kind))
    assert every == set(kinds.NEEDS) == set(kinds.PRIMARY) == {*TASKS, "linear_probe"}
    assert set(kinds.METHODS) == set(kinds.ABLE) == set(kinds.NEEDS.values()) == set(get_args(kinds.Need))


def test_a_recipe_is_checked_without_loading_torch():
    code = "import model_training.evaluation.evaluate, pipelines.recipe_eval, sys; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_datacomps_probe_needs_texts_and_the_others_only_images():
    assert needs("linear_probe") == needs("linear_probe", "clip") == needs("knn") == "images"
    assert needs("linear_probe", "datacomp") == "images+texts" and needs("captioning") == "captions"


def test_a_model_that_cannot_is_refused_before_a_file_is_read(vit, encoders):
    nowhere = ("nowhere.parquet",)
    with pytest.raises(InputError, match="'e': zero_shot cannot judge a model without encode_texts") as error:
        evaluate(vit, Evaluation("e", "zero_shot", nowhere, "nowhere.yaml"))
    assert "CLIP, SigLIP" in error.value.hint
    with pytest.raises(InputError, match="captioning cannot judge a model without caption") as error:
        evaluate(encoders[0], Evaluation("e", "captioning", nowhere))
    assert "CoCa, BLIP" in error.value.hint
    for kind, need in kinds.NEEDS.items():
        asked = Evaluation("e", kind, nowhere)
        if need != "captions":
            refuse_unable(encoders[0], asked)
        if need == "images":
            refuse_unable(vit, asked)


def test_the_main_metric_is_the_first_that_there_is():
    assert primary("zero_shot", ["mean_per_class_recall", "top1"]) == "top1"
    assert primary("zero_shot", ["real_top1", "mean_average_precision"]) == "real_top1"
    assert primary("knn", ["knn3_top1", "knn3_mean_per_class_recall"]) == "knn3_top1"
    assert primary("winogavil", ["jaccard", "jaccard_10_to_12"]) == "jaccard_10_to_12"
    assert primary("retrieval", []) == "mean_r1"
