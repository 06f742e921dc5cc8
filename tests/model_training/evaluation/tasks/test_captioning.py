import hashlib

import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.kinds import Evaluation
from tests.model_training.evaluation.made import colour, png, table

SAID = {colour(0): "a man rides a white horse", colour(1): "two dogs play in the park"}


class Captioner:
    """Says what is written for the colour of an image's first pixel."""

    def __init__(self):
        self.uids = []

    def caption(self, images, uids):
        self.uids += uids
        return [SAID[image.getpixel((0, 0))] for image in images]


def test_golden_c5_captions_are_scored_against_all_references(tmp_path):
    references = [["a man rides a brown horse"], ["two dogs play in the park"]]
    data = table(tmp_path / "coco.parquet", [png(0), png(1)], references)
    task, model = load(Evaluation("coco", "captioning", (data,))), Captioner()
    found = {m.name: m for m in evaluate(model, task, batch=1)}
    assert list(found) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider_d"]
    assert found["cider_d"].value == pytest.approx(7.885417, abs=1e-6)
    assert found["cider_d"].hits.tolist() == pytest.approx([5.770833, 10], abs=1e-5)
    assert found["bleu_4"].value == pytest.approx(0.778158, abs=1e-6) and found["bleu_4"].hits is None
    assert found["rouge_l"].value == pytest.approx(0.916667, abs=1e-6)
    assert model.uids == [hashlib.sha256(png(i)).hexdigest()[:32] for i in (0, 1)]  # wherever the file lies


def test_an_image_without_references_is_refused(tmp_path):
    with pytest.raises(InputError, match="row 0: has no caption"):
        load(Evaluation("coco", "captioning", (table(tmp_path / "bare.parquet", [png(0)]),)))
