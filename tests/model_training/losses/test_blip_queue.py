"""First in, first out, with everything in the state."""

import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.blip_queue import NOBODY, FeatureQueue


def rows(first, batch, dim=2):
    return torch.arange(first, first + batch, dtype=torch.float32)[:, None].expand(batch, dim)


def test_starts_with_unit_vectors_of_the_seed():
    one, same, other = FeatureQueue(1, 6, 4), FeatureQueue(1, 6, 4), FeatureQueue(2, 6, 4)
    torch.testing.assert_close(one.images.norm(dim=1), torch.ones(6))
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.images, other.images)
    assert not torch.equal(one.images, one.texts)
    assert one.ids.tolist() == [NOBODY] * 6


def test_the_oldest_goes_first():
    queue = FeatureQueue(0, 6, 2)
    for turn in range(4):
        ids = torch.arange(2 * turn, 2 * turn + 2)
        queue.push(rows(2 * turn, 2), rows(100 + 2 * turn, 2), ids)
    assert queue.ids.tolist() == [6, 7, 2, 3, 4, 5]
    assert queue.images[:, 0].tolist() == [6, 7, 2, 3, 4, 5]
    assert queue.texts[:, 1].tolist() == [106, 107, 102, 103, 104, 105]
    # Another size begins in the middle and goes around; without ids they are nobody's.
    queue.push(rows(20, 6), rows(120, 6))
    assert queue.images[:, 0].tolist() == [24, 25, 20, 21, 22, 23]
    assert queue.ids.tolist() == [NOBODY] * 6


def test_goes_on_from_its_state():
    queue, again = FeatureQueue(0, 4, 2), FeatureQueue(9, 4, 2)
    queue.push(rows(0, 2), rows(0, 2), torch.tensor([0, 1]))
    again.load_state_dict(queue.state_dict())
    for one in (queue, again):
        one.push(rows(2, 2), rows(2, 2), torch.tensor([2, 3]))
    assert all(torch.equal(a, b) for a, b in zip(queue.buffers(), again.buffers(), strict=True))


def test_golden_b6_the_queue_is_a_multiple_of_the_batch():
    assert (57_600 // 2880, 57_600 // 2400, 57_600 % 2880, 57_600 % 2400) == (20, 24, 0, 0)
    queue = FeatureQueue(0, 57_600, 1)
    for batch in (2880, 2400):
        queue.push(rows(0, batch, 1), rows(0, batch, 1))
    for batch in (0, 2881, 57_601):
        with pytest.raises(InputError, match="no multiple"):
            queue.push(rows(0, batch, 1), rows(0, batch, 1))


def test_keeps_no_gradient_and_refuses_the_number_of_nobody():
    queue = FeatureQueue(0, 4, 2)
    features = torch.ones(2, 2, requires_grad=True)
    queue.push(features, features)
    assert not queue.images.requires_grad
    with pytest.raises(InputError, match="below zero"):
        queue.push(features, features, torch.tensor([0, NOBODY]))
