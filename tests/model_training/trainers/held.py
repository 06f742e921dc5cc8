"""What every objective must hold, whatever it is: asked with the real loop on a small data set."""

from dataclasses import replace

import numpy as np

from curate.files import Folder
from model_training.data.pixels import Pixels
from model_training.libraries import torch
from model_training.trainers.backward import Backward
from model_training.trainers.loop import train
from model_training.trainers.objective import Inputs
from model_training.trainers.objectives import build
from tests.model_training.data.test_pixels import pair

CPU = torch.device("cpu")


def inputs_of(objective, rows=8, step=0):
    """Pictures and texts as the loop gives them."""
    names = tuple(f"visit {i}" for i in range(rows))
    pixels = Pixels(objective.views)
    seen = [pixels.visit(pair((40 + i, 36), i), 0, name) for i, name in enumerate(names)]
    views = tuple(torch.from_numpy(np.stack(view)) for view in zip(*seen, strict=True))
    texts = ["a thing " + "very " * (i % 3) + f"number {i}" for i in range(rows)]
    tokens = None if objective.tokenize is None else objective.tokenize(texts)
    return Inputs(views, tokens, names, 0, rows, step)


def gradients(given, parts):
    """The loss of a batch encoded in so many parts, and every parameter's gradient."""
    plan = replace(given.plan, accumulate=parts)
    objective = build(plan, given.seed, CPU).train()
    torch.manual_seed(1)
    objective.before_step(0)
    loss = float(Backward(objective, plan, CPU)(inputs_of(objective)))
    return loss, {name: p.grad for name, p in objective.named_parameters() if p.grad is not None}


def in_parts_it_is_the_same(given):
    """GradCache's loss and gradients are the whole batch's."""
    whole, grads = gradients(given, 1)
    for parts in (2, 4):
        loss, found = gradients(given, parts)
        assert abs(loss - whole) < 1e-5 * max(1, abs(whole))
        assert set(found) == set(grads)
        for name, grad in grads.items():
            torch.testing.assert_close(found[name], grad, rtol=1e-3, atol=2e-6, msg=lambda m, name=name: name + m)


def learned(given, under, steps, **plan):
    """The training of a longer job on the same data."""
    plan = replace(given.plan, samples_seen=given.plan.batch * steps, **plan)
    return train(replace(given, under=under, plan=plan))


def resumed_it_is_the_unbroken(given, tmp_path):
    """Bit for bit, stopped twice. Returns the unbroken one."""
    asked = iter(range(10**6))
    whole = train(replace(given, folder=Folder(str(tmp_path / "whole"))))
    broken = replace(given, folder=Folder(str(tmp_path / "broken")))
    for _ in range(2):
        assert train(broken, stopped=lambda: next(asked) % 3 == 2) is None
    again = train(broken)
    assert again.sha256 == whole.sha256 and again.loss == whole.loss
    return whole
