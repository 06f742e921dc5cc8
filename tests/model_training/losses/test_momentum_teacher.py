"""The teacher's average and its schedules, against RECIPES B7 and B10."""

import copy

import numpy as np
import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.momentum_teacher import cosine, follow, teacher_temperature


def test_golden_b7_momentum_at_mid_training():
    assert cosine(500, 1000, 0.996, 1.0) == pytest.approx(0.998, abs=1e-12)
    assert [cosine(s, 1000, 0.996, 1.0) for s in (0, 1000)] == [0.996, 1.0]


def test_momentum_and_weight_decay_are_the_published_cosine():
    steps = np.arange(40)
    for start, end in ((0.992, 1.0), (0.04, 0.4)):
        published = end + 0.5 * (start - end) * (1 + np.cos(np.pi * steps / 40))
        np.testing.assert_allclose([cosine(int(s), 40, start, end) for s in steps], published, rtol=1e-14)


def test_temperature_is_a_line_and_then_constant():
    published = [*np.linspace(0.04, 0.07, 30), *[0.07] * 10]
    found = [teacher_temperature(epoch, warmup=30, start=0.04, end=0.07) for epoch in range(40)]
    np.testing.assert_allclose(found, published, rtol=1e-14)
    assert {teacher_temperature(epoch) for epoch in range(40)} == {0.04}
    assert [teacher_temperature(0, warmup=w, end=0.07) for w in (0, 1, 2)] == [0.07, 0.07, 0.04]


def test_teacher_follows_with_one_minus_m():
    student = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    teacher = copy.deepcopy(student)
    before = [p.detach().double().numpy().copy() for p in teacher.parameters()]
    with torch.no_grad():
        for p in student.parameters():
            p.add_(torch.randn_like(p))
    student[1].running_mean.fill_(7)
    wanted = [p.detach().double().numpy() for p in student.parameters()]
    follow(teacher, student, 0.9)
    for found, old, new in zip(teacher.parameters(), before, wanted, strict=True):
        np.testing.assert_allclose(found.detach(), 0.9 * old + 0.1 * new, rtol=1e-5, atol=1e-6)
    assert not teacher[1].running_mean.any()
    held = copy.deepcopy(teacher)
    follow(teacher, student, 1.0)
    assert all(torch.equal(a, b) for a, b in zip(teacher.parameters(), held.parameters(), strict=True))
    follow(teacher, student, 0.0)
    assert all(torch.equal(a, b) for a, b in zip(teacher.parameters(), student.parameters(), strict=True))


def test_another_architecture_is_refused():
    with pytest.raises(InputError, match="parameter bias"):
        follow(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, bias=False), 0.9)
    with pytest.raises(InputError, match="parameter weight"):
        follow(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(3, 2, bias=False), 0.9)
