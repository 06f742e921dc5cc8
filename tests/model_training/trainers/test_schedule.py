"""The schedule is open_clip's, number by number."""

import pytest

from model_training.trainers.schedule import learning_rate

# RECIPES B13: base 5e-4, warm-up 10, 110 steps in all.
GOLDEN = {0: 5e-5, 4: 2.5e-4, 9: 5e-4, 10: 5e-4, 35: 4.26777e-4, 60: 2.5e-4, 109: 1.2336e-7}


@pytest.mark.parametrize(("step", "rate"), GOLDEN.items())
def test_golden_b13(step, rate):
    assert learning_rate(step, base=5e-4, warmup=10, steps=110) == pytest.approx(rate, rel=1e-5)


def test_no_warm_up_and_nothing_but_warm_up():
    assert learning_rate(0, base=1.0, warmup=0, steps=4) == 1.0
    assert [learning_rate(s, base=1.0, warmup=4, steps=2) for s in range(2)] == [0.25, 0.5]
