"""ALIGN trains with its golden loss, from temperature 1, on its own schedule."""

import math

import pytest

from model_training.libraries import torch
from model_training.losses import align
from model_training.losses.align import align_loss
from model_training.trainers.align import Align
from model_training.trainers.contrastive_options import AlignOptions
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return job(tmp_path_factory.mktemp("align"), objective="align", lr=1e-2, weight_decay=0.0)


def test_a_step_is_the_golden_loss_of_open_clips_features(given):
    objective = Align(given.plan, 0, held.CPU).eval()
    inputs = held.inputs_of(objective)
    with torch.no_grad():
        out = objective.model(objective.pixels(inputs.views[0]), inputs.tokens)
        found = float(objective.loss(*objective.encode(inputs)))
        assert float(out["logit_scale"]) == 1.0
        expected = float(align_loss(out["image_features"], out["text_features"], 1.0, label_smoothing=0.1))
    assert found == pytest.approx(expected, rel=1e-5)
    # At temperature 1 the logits are at most 1 apart from each other: near ln B in each direction.
    assert found == pytest.approx(2 * math.log(8), abs=0.5)


def test_the_options_are_the_papers(given):
    assert AlignOptions().label_smoothing == align.LABEL_SMOOTHING
    plan = Plan(given.plan.arch, 8, 8, options=(("label_smoothing", 0.0),))
    assert Align(plan, 0, held.CPU).label_smoothing == 0


def test_the_temperature_may_go_above_one_and_the_rate_is_linear(given):
    plan = Plan(given.plan.arch, 8 * 110, 8, lr=1.0, warmup=10)
    objective = Align(plan, 0, held.CPU)
    with torch.no_grad():
        objective.model.logit_scale.fill_(-0.5)
    objective.after_update(0)
    assert objective.model.logit_scale.item() == -0.5
    assert [objective.rates(step)[0] for step in (0, 5, 10, 60, 109)] == pytest.approx([0, 0.5, 1, 0.5, 0.01])
    other = Align(Plan(given.plan.arch, 8 * 110, 8, lr=1.0, warmup=10, schedule="cosine"), 0, held.CPU)
    assert other.rates(0)[0] == pytest.approx(0.1)


def test_it_learns(given):
    trained = held.learned(given, "train/learns", 120)
    assert trained.loss < 0.75 * 2 * math.log(8)


def test_resumed_and_in_parts(given, tmp_path):
    held.resumed_it_is_the_unbroken(given, tmp_path)
    held.in_parts_it_is_the_same(given)
