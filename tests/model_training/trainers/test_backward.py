"""Parts of a batch give the whole's gradient; 16 bits, recomputed activations and compiled code nearly the same."""

import numpy as np
import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.libraries import torch
from model_training.trainers.loop import _Training, train
from tests.model_training.trainers.small import job

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("backward")


def gradients(data, **plan):
    training = _Training(job(data, "train/none", **plan), CPU, 0, 1)
    batches = training.batches(training.standing.position)
    loss = float(training.backward(training._inputs(next(batches))))
    batches.close()
    return loss, {name: p.grad.clone() for name, p in training.objective.named_parameters()}


def assert_near(found, expected, tolerance):
    assert found[0] == pytest.approx(expected[0], rel=tolerance)
    for name, gradient in expected[1].items():
        limit = tolerance * float(gradient.abs().max()) + 1e-9
        np.testing.assert_allclose(found[1][name].numpy(), gradient.numpy(), rtol=0, atol=limit, err_msg=name)


@pytest.mark.parametrize("parts", [2, 4, 8])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(data, parts):
    whole = gradients(data)
    assert_near(gradients(data, accumulate=parts), whole, 1e-5)
    assert any(float(g.abs().max()) > 1e-3 for g in whole[1].values())


def test_a_batch_that_the_parts_do_not_divide_is_refused(data):
    with pytest.raises(InputError, match="8 rows of a worker cannot be encoded in 3 equal parts"):
        gradients(data, accumulate=3)


def test_recomputed_activations_change_nothing(data):
    whole = gradients(data)
    assert_near(gradients(data, checkpointing=True), whole, 1e-6)


def test_bfloat16_is_near_and_the_weights_stay_float32(data):
    whole, mixed = gradients(data), gradients(data, precision="bfloat16")
    assert mixed[0] == pytest.approx(whole[0], rel=0.02) and mixed[0] != whole[0]
    assert all(g.dtype == torch.float32 for g in mixed[1].values())
    trained = train(job(data, "train/mixed", precision="bfloat16"))
    assert np.isfinite(trained.loss)


@pytest.mark.slow
def test_compiled_it_makes_the_same_step(data):
    assert_near(gradients(data, compile=True), gradients(data), 1e-4)


def weights(data, under):
    return safetensors.torch.load((data / "run" / under / "checkpoint.safetensors").read_bytes())


def test_the_average_of_the_weights_is_what_is_written(data):
    """By hand: after each update, average <- .8 average + .2 weight, from the initial weights."""
    trained = train(job(data, "train/ema", ema=0.8, samples_seen=24))
    training = _Training(job(data, "train/byhand", samples_seen=24), CPU, 0, 1)
    expected = {name: p.detach().clone() for name, p in training.objective.model.named_parameters()}
    plain = training.optimizer.step

    def step():
        plain()
        for name, p in training.objective.model.named_parameters():
            expected[name] = 0.8 * expected[name] + 0.2 * p.detach()

    training.optimizer.step = step
    training.run(None, None)
    assert trained.steps == 3
    made = weights(data, "train/ema")
    for name, tensor in expected.items():
        # The loop clamps the scale after the update, which is what is averaged; here it is far from its bounds.
        np.testing.assert_allclose(made[name].numpy(), tensor.numpy(), atol=1e-6, err_msg=name)


STOPPED = [{"ema": 0.9}, {"optimizer": "lamb"}, {"optimizer": "lion"}, {"optimizer": "adafactor"}, {"optimizer": "sgd"},
           {"accumulate": 2}]  # fmt: skip


@pytest.mark.parametrize("plan", STOPPED, ids=lambda plan: "-".join(map(str, *plan.items())))
def test_resumed_it_is_the_unbroken_bit_for_bit(data, tmp_path, plan):
    whole = train(job(data, "train/whole", root=str(tmp_path), **plan))
    given = job(data, "train/broken", root=str(tmp_path), **plan)
    for count in (2, 4):
        asked = iter(range(100))
        assert train(given, stopped=lambda asked=asked, count=count: next(asked) >= count - 1) is None
    assert train(given).sha256 == whole.sha256


def test_schedules_by_name(data):
    rates = {}
    for name in ("published", "cosine", "linear", "constant", "exponential"):
        training = _Training(job(data, "train/none", schedule=name, warmup=2, samples_seen=80, lr=1.0), CPU, 0, 1)
        rates[name] = [training.objective.rates(step)[0] for step in range(10)]
    assert rates["published"] == rates["cosine"] and rates["cosine"][:3] == [0.5, 1.0, 1.0]
    assert rates["linear"][:4] == [0.0, 0.5, 1.0, 7 / 8] and rates["constant"] == [0.5] + [1.0] * 9
    assert rates["exponential"][9] == pytest.approx(0.9**18)
