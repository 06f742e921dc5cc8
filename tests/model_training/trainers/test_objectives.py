"""What has no meaning to an objective is refused before anything is built."""

from dataclasses import replace

import pytest

from curate.errors import InputError
from model_training.data.captions import Captions
from model_training.models.weights import Weights
from model_training.trainers.objectives import OBJECTIVES, build, meaningless
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held

INIT = Weights("train.init", "a", "vit_tiny", allow_download=True)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_plan_of_defaults_has_a_meaning_to_all(name):
    assert meaningless(Plan("a", 8, 8, objective=name)) is None
    assert meaningless(Plan("a", 8, 8, objective=name, flip=False)) is None


@pytest.mark.parametrize(
    ("name", "plan", "what"),
    [
        ("dino", {"crop_area": 0.5}, "does not crop by train.crop_area"),
        ("blip", {"crop_area": 0.5}, "does not crop by train.crop_area"),
        ("ibot", {"ema": 0.9}, "a moving average already"),
        ("dinov2", {"captions": Captions("first")}, "reads no texts"),
        ("dino", {"init": replace(INIT, allow_download=False), "init_part": "text"}, "has no text tower"),
        ("dino", {"init": INIT}, "starts from a file, and there is none of the name vit_tiny"),
    ],
)
def test_what_has_none_is_refused(name, plan, what):
    with pytest.raises(InputError, match=what):
        build(Plan("a", 8, 8, objective=name, **plan), 0, held.CPU)
    if name != "blip":
        assert meaningless(Plan("a", 8, 8, objective="clip", **plan)) is None
