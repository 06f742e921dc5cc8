"""LiT: a locked tower stays as it is, bit for bit, and its kept embeddings give the same loss."""

import copy

import pytest

from model_training.libraries import torch
from model_training.losses.clip import clip_loss
from model_training.losses.lit import Locked, unlocked


def tower(seed):
    torch.manual_seed(seed)
    layers = (torch.nn.Linear(6, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 4))
    return torch.nn.Sequential(*layers)


def embedded(part, rows):
    return torch.nn.functional.normalize(part(rows), dim=1)


def step(model, optimizer, images, texts):
    model.train()
    optimizer.zero_grad()
    loss = clip_loss(embedded(model["image"], images), embedded(model["text"], texts), 10.0)
    loss.backward()
    optimizer.step()
    return float(loss)


@pytest.fixture
def data():
    torch.manual_seed(5)
    return torch.randn(16, 6), torch.randn(16, 6)


def trained(image, data):
    model = torch.nn.ModuleDict({"image": image, "text": tower(1)})
    # Every parameter is given to the optimizer, and its weight decay moves all that have a gradient, be it 0.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    return [step(model, optimizer, *data) for _ in range(5)]


def test_golden_b4_a_locked_tower_is_bit_identical_after_steps_batch_norm_included(data):
    image = tower(0)
    image(data[0]).sum().backward()  # a gradient left behind
    before = copy.deepcopy(image.state_dict())
    losses = trained(Locked(image), data)
    for name, value in image.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert losses[-1] < losses[0]


def test_without_the_lock_it_moves(data):
    for image in (tower(0), tower(0).requires_grad_(False)):
        before = copy.deepcopy(image.state_dict())
        trained(image, data)
        moved = [name for name, value in image.state_dict().items() if not torch.equal(value, before[name])]
        assert {"1.running_mean", "1.running_var", "1.num_batches_tracked"} <= set(moved)


def test_golden_b4_loss_from_kept_embeddings_is_that_from_recomputed_ones(data):
    image, (images, texts) = Locked(tower(0)), data
    kept = embedded(image, images)
    model = torch.nn.ModuleDict({"image": image, "text": tower(1)}).train()
    for seed in range(3):
        torch.manual_seed(seed)
        text = embedded(model["text"], texts)
        assert torch.equal(clip_loss(kept, text, 10.0), clip_loss(embedded(image, images), text, 10.0))


def test_what_is_not_locked_is_named(data):
    part = tower(0)
    weights = ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    modes = ["", "0", "1", "2", "3"]
    assert unlocked(part) == weights + modes
    assert unlocked(part.eval()) == weights
    part(data[0]).sum().backward()
    assert unlocked(part.requires_grad_(False)) == weights  # their gradients are still there
    assert unlocked(Locked(part).train()) == [] == unlocked(part)
    assert unlocked(part.train()) == modes
