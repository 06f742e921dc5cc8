"""Passes of one size, whatever the number of threads, and in the order of the items."""

import threading

import numpy as np
import pytest

from model_training.libraries import torch
from model_training.models import fixed_batches
from model_training.models.fixed_batches import PASS, FixedBatches, best_at_once

RNG = np.random.default_rng(0)
ROWS = torch.from_numpy(RNG.normal(size=(23, 6)).astype(np.float32))
WEIGHT = torch.from_numpy(RNG.normal(size=(6, 3)).astype(np.float32))


def run(monkeypatch, granted, seen=None):
    monkeypatch.setattr(fixed_batches, "cores", lambda: granted)
    names = set()

    def forward(batch):
        names.add(threading.current_thread().name)
        assert len(batch) == 4 and torch.get_num_threads() == 1 and torch.is_inference_mode_enabled()
        return batch @ WEIGHT

    found = FixedBatches(64, 4).run(list(ROWS), forward, 3)
    return found, names


def test_any_number_of_cores_gives_the_same_in_the_same_order(monkeypatch):
    alone, here = run(monkeypatch, 1)
    np.testing.assert_allclose(alone, (ROWS @ WEIGHT).numpy(), rtol=1e-5)
    many, there = run(monkeypatch, 3)
    assert np.array_equal(alone, many)
    assert here == {threading.current_thread().name} and all(name.startswith("passes") for name in there)


def test_gather_sees_the_items_of_one_pass_and_nothing_is_made_of_none():
    sizes = []

    def gather(part):
        sizes.append(len(part))
        return torch.tensor([[float(x)] for x in part])

    found = FixedBatches(3).run(range(8), lambda batch: batch * 2, 1, gather)
    assert found[:, 0].tolist() == [2.0 * i for i in range(8)] and sorted(sizes) == [2, 3, 3]
    assert FixedBatches(3).run([], lambda batch: batch, 5).shape == (0, 5)


def test_an_error_in_a_pass_comes_out(monkeypatch):
    monkeypatch.setattr(fixed_batches, "cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        FixedBatches(2).run(list(ROWS), lambda batch: 1 // 0, 3)


def test_ray_tells_its_workers_what_they_were_granted(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert fixed_batches.cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "10000")
    there = fixed_batches.cores()
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert there == fixed_batches.cores() >= 1


def test_a_gpu_is_given_whole_passes_at_once_and_a_cpus_are_small():
    assert best_at_once([64, 256], on_gpu=True) == 256
    assert best_at_once([64, 256], on_gpu=False) == PASS
    assert best_at_once([8], on_gpu=False) == 8
