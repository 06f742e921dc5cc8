"""MaMMUT's contrastive half trains with its golden focal loss."""

import pytest

from model_training.libraries import torch
from model_training.losses import mammut
from model_training.losses.mammut import focal_contrastive_loss
from model_training.trainers.contrastive_options import MammutOptions
from model_training.trainers.mammut import Mammut
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return job(tmp_path_factory.mktemp("mammut"), objective="mammut", lr=1e-2, weight_decay=0.0)


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_a_step_is_the_golden_loss_of_open_clips_features(given, gamma):
    objective = Mammut(Plan(given.plan.arch, 8, 8, options=(("gamma", gamma),)), 0, held.CPU).eval()
    inputs = held.inputs_of(objective)
    with torch.no_grad():
        out = objective.model(objective.pixels(inputs.views[0]), inputs.tokens)
        found = objective.loss(*objective.encode(inputs)).item()
        expected = focal_contrastive_loss(out["image_features"], out["text_features"], 0.07, gamma=gamma)
    assert found == pytest.approx(expected.item(), rel=1e-5)
    assert MammutOptions().gamma == mammut.GAMMA


def test_it_learns(given):
    first = held.learned(given, "train/first", 1).loss
    assert held.learned(given, "train/learns", 150).loss < 0.4 * first


def test_resumed_and_in_parts(given, tmp_path):
    held.resumed_it_is_the_unbroken(given, tmp_path)
    held.in_parts_it_is_the_same(given)
