"""Schedules, number by number, and against the sources' own way of saying them."""

import math

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.trainers.schedule import (
    align_learning_rate,
    blip_learning_rate,
    cosine,
    dino_base_rate,
    dino_learning_rate,
    dinov2_base_rate,
    learning_rate,
)

# RECIPES B13: base 5e-4, warm-up 10, 110 steps in all.
GOLDEN = {0: 5e-5, 4: 2.5e-4, 9: 5e-4, 10: 5e-4, 35: 4.26777e-4, 60: 2.5e-4, 109: 1.2336e-7}


@pytest.mark.parametrize(("step", "rate"), GOLDEN.items())
def test_golden_b13(step, rate):
    assert learning_rate(step, base=5e-4, warmup=10, steps=110) == pytest.approx(rate, rel=1e-5)


def test_no_warm_up_and_nothing_but_warm_up():
    assert learning_rate(0, base=1.0, warmup=0, steps=4) == 1.0
    assert [learning_rate(s, base=1.0, warmup=4, steps=2) for s in range(2)] == [0.25, 0.5]


def test_golden_b13_base_rates_of_dino_and_dinov2():
    assert dino_base_rate(1024) == pytest.approx(2e-3, rel=1e-12)
    assert dinov2_base_rate(2048) == pytest.approx(0.0056569, abs=1e-7)
    assert dinov2_base_rate(3072, rate=2e-4) == pytest.approx(2e-4 * math.sqrt(3), rel=1e-12)


def test_golden_b7_momentum_at_mid_training():
    assert cosine(500, start=0.996, end=1.0, steps=1000) == pytest.approx(0.998, abs=1e-12)
    rising = [cosine(step, start=0.996, end=1.0, steps=100) for step in range(101)]
    assert rising[0] == 0.996 and rising[-1] == 1.0 and rising == sorted(rising)


def test_weight_decay_goes_from_its_start_to_its_end():
    assert cosine(0, start=0.04, end=0.4, steps=8) == pytest.approx(0.04)
    assert cosine(4, start=0.04, end=0.4, steps=8) == pytest.approx(0.22)
    assert cosine(8, start=0.04, end=0.4, steps=8) == pytest.approx(0.4)


@pytest.mark.parametrize("warmup", [0, 1, 2, 10])
def test_dino_is_a_linspace_and_then_a_cosine(warmup):
    base, end, steps = 2e-3, 1e-6, 50
    along = np.arange(steps - warmup)
    after = end + 0.5 * (base - end) * (1 + np.cos(np.pi * along / len(along)))
    expected = np.concatenate([np.linspace(0, base, warmup), after])
    found = [dino_learning_rate(s, base=base, end=end, warmup=warmup, steps=steps) for s in range(steps)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_align_rises_and_falls_in_straight_lines():
    found = [align_learning_rate(s, base=1e-3, warmup=10_000, steps=1_200_000) for s in (0, 5000, 10_000, 605_000)]
    assert found == pytest.approx([0, 5e-4, 1e-3, 5e-4])
    assert align_learning_rate(1_200_000, base=1e-3, warmup=10_000, steps=1_200_000) == 0


def test_golden_b6_blip_per_epoch():
    assert blip_learning_rate(2, base=3e-4, decay=0.9, end=1e-6) == pytest.approx(2.43e-4, rel=1e-12)
    assert blip_learning_rate(2, base=3e-4, decay=0.85, end=1e-6) == pytest.approx(2.1675e-4, rel=1e-12)
    assert blip_learning_rate(200, base=3e-4, decay=0.9, end=1e-6) == 1e-6


def test_blip_is_torchs_exponential():
    parameter = torch.nn.Parameter(torch.zeros(1))
    theirs = torch.optim.lr_scheduler.ExponentialLR(torch.optim.SGD([parameter], lr=3e-4), gamma=0.85)
    for epoch in range(5):
        expected = theirs.get_last_lr()[0]
        assert blip_learning_rate(epoch, base=3e-4, decay=0.85, end=0.0) == pytest.approx(expected, rel=1e-12)
        theirs.optimizer.step()
        theirs.step()
