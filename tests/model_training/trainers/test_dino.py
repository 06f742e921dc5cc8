"""DINO's loss is its golden one of the models' own features; it learns; its centre follows."""

import math

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.losses.dino import dino_loss
from model_training.trainers.dino import Dino
from tests.model_training.trainers import held
from tests.model_training.trainers.small_vit import learns_what_the_teacher_says, vit_job


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    torch.set_num_threads(1)
    return vit_job(tmp_path_factory.mktemp("dino"), "dino")


def logits(branch, objective, view):
    """By timm's own forward pass, NumPy's normalisation and the head."""
    pixels = (view.numpy() / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    features = branch["backbone"](torch.tensor(pixels).permute(0, 3, 1, 2).float())
    return branch["head"](features).double().numpy()


def softmax(x):
    grown = np.exp(x - x.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


@torch.no_grad()
def test_a_step_is_the_published_loss_of_timms_features(given):
    objective = Dino(given.plan, 0, held.CPU)
    for parameter in objective.student.parameters():  # another model than the teacher
        parameter.mul_(1.1)
    centre = torch.randn(24, generator=torch.Generator().manual_seed(0)) / 10
    objective.centre.centre.copy_(centre)
    inputs = held.inputs_of(objective)
    assert [tuple(view.shape) for view in inputs.views] == [(8, 16, 16, 3)] * 2 + [(8, 8, 8, 3)] * 2
    encoded = objective.encode(inputs)
    assert [tuple(e.shape) for e in encoded] == [(8, 4, 24), (8, 2, 24)]
    found = float(objective.loss(*encoded))
    student = [logits(objective.student, objective, view) for view in inputs.views]
    teacher = [logits(objective.teacher, objective, view) for view in inputs.views[:2]]
    said = [softmax((one - centre.numpy()) / 0.04) for one in teacher]
    terms = [
        -(said[g] * np.log(softmax(student[v] / 0.1))).sum(-1).mean() for g in range(2) for v in range(4) if g != v
    ]
    assert len(terms) == 6 and found == pytest.approx(np.mean(terms), rel=1e-4)
    golden = dino_loss([torch.tensor(s) for s in student], torch.tensor(np.stack(said)))
    assert found == pytest.approx(float(golden), rel=1e-4)
    # The centre moved after its use, towards all that the teacher said.
    moved = 0.9 * centre.numpy() + 0.1 * np.concatenate(teacher).mean(0)
    np.testing.assert_allclose(objective.centre.centre.numpy(), moved, atol=1e-5)


def test_the_log_says_whether_it_collapses(given):
    objective = Dino(given.plan, 0, held.CPU)
    assert objective.numbers() == {}
    student = torch.zeros(8, 4, 24)
    objective.loss(student, torch.zeros(8, 2, 24))
    assert objective.numbers()["teacher_entropy"] == pytest.approx(math.log(24), rel=1e-5)
    objective.loss(student, torch.nn.functional.one_hot(torch.zeros(8, 2).long(), 24).float() * 9)
    numbers = objective.numbers()
    assert numbers["teacher_entropy"] < 1e-3 and numbers["teacher_entropy_of_mean"] < 1e-3
    objective.loss(student, torch.nn.functional.one_hot(torch.arange(16).view(8, 2), 24).float() * 90)
    numbers = objective.numbers()
    assert numbers["teacher_entropy"] < 1e-3 and numbers["teacher_entropy_of_mean"] == pytest.approx(math.log(16))
    assert numbers["teacher_temperature"] == 0.04
    objective.before_step(11)
    assert objective.numbers()["teacher_temperature"] == 0.07


def test_it_learns(tmp_path):
    learns_what_the_teacher_says(tmp_path, "dino")
