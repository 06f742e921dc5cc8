"""DINO's loss and centre against RECIPES B7, float64 numpy and two workers that really meet."""

import math
from functools import partial

import numpy as np
import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.dino import Centre, cross_entropy, dino_loss, teacher_entropy
from tests.model_training.losses.workers import meet


def soft(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reference(student, teacher, temperature=0.1):
    """(views, images, K) and (globals, images, K) float64: the loss and its gradient, (q - p) / temperature a term."""
    gradient, total, terms = np.zeros_like(student), 0.0, 0
    for g in range(len(teacher)):
        for v in range(len(student)):
            if g == v:
                continue
            q = soft(student[v] / temperature)
            total -= (teacher[g] * np.log(q)).sum(-1).mean()
            gradient[v] += (q - teacher[g]) / temperature / student.shape[1]
            terms += 1
    return total / terms, gradient / terms, terms


def test_golden_b7_uniform_student_and_teacher():
    loss = dino_loss(list(torch.zeros(10, 3, 4)), torch.full((2, 3, 4), 0.25))
    assert float(loss) == pytest.approx(1.386294, abs=1e-6)


def test_golden_b7_two_prototypes():
    logits = torch.tensor([[0.1, 0.0]])
    teacher = Centre(2)(logits, 0.04)
    assert teacher[0].tolist() == pytest.approx([0.924142, 0.075858], abs=1e-6)
    assert float(cross_entropy(logits, teacher, 0.1)) == pytest.approx(0.389120, abs=1e-6)


def test_golden_b7_centre_from_zero():
    centre = Centre(2)
    first = centre(torch.tensor([[1.0, 0.0], [3.0, 2.0]]), 0.04)
    assert torch.equal(first, torch.softmax(torch.tensor([[25.0, 0.0], [25.0, 0.0]]), -1))  # used before it moved
    assert torch.equal(centre.centre, torch.tensor([0.2, 0.1]))
    assert centre.eval()(torch.tensor([[0.2, 0.1]]), 0.04).tolist() == [[0.5, 0.5]]
    assert torch.equal(centre.centre, torch.tensor([0.2, 0.1]))  # eval leaves it
    assert list(centre.state_dict()) == ["centre"]


def test_golden_b7_collapse_monitors():
    assert float(teacher_entropy(torch.eye(4))) == 0.0
    assert float(teacher_entropy(torch.full((3, 4), 0.25))) == pytest.approx(math.log(4))


@pytest.mark.parametrize(("global_views", "views", "terms"), [(2, 10, 18), (2, 2, 2), (1, 3, 2)])
def test_loss_and_gradient_are_the_reference_s(global_views, views, terms):
    source = np.random.default_rng(views)
    logits = source.normal(size=(views, 4, 6))
    teacher = soft(source.normal(size=(global_views, 4, 6)) * 5)
    expected, gradient, counted = reference(logits, teacher)
    assert counted == terms
    student = torch.tensor(logits, requires_grad=True)
    loss = dino_loss(list(student), torch.tensor(teacher))
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(student.grad.numpy(), gradient, atol=1e-13)


def test_nothing_is_learnt_by_the_teacher_or_from_the_same_view():
    student = torch.randn(3, 2, 5, requires_grad=True)
    logits = torch.randn(1, 2, 5, requires_grad=True)
    dino_loss(list(student), Centre(5)(logits, 0.04)).backward()
    assert logits.grad is None
    assert not student.grad[0].any() and student.grad[1:].any()


def test_half_precision_is_widened():
    logits = torch.randn(2, 3, 5)
    teacher = Centre(5)(logits.bfloat16(), 0.04)
    assert teacher.dtype == torch.float32 and teacher.sum(-1).allclose(torch.ones(2, 3))
    assert dino_loss(list(logits.bfloat16()), teacher).dtype == torch.float32


def test_no_term_or_other_shapes_are_refused():
    said = torch.full((1, 2, 3), 1 / 3)
    for student in ([torch.zeros(2, 3)], [torch.zeros(2, 3), torch.zeros(4, 3)]):
        with pytest.raises(InputError, match="views of the student"):
            dino_loss(student, said)
    with pytest.raises(InputError):
        dino_loss([torch.zeros(2, 3)] * 2, torch.zeros(3, 2, 3))


def test_workers_of_unequal_batches_share_one_centre():
    rows = torch.randn(5, 3)

    def moved(part, reduce):
        centre = Centre(3, reduce=reduce)
        centre(part, 0.04)
        return centre.centre

    for found in meet([partial(moved, rows[:1]), partial(moved, rows[1:]), partial(moved, rows[:0])]):
        torch.testing.assert_close(found, 0.1 * rows.mean(0))


def test_an_empty_batch_leaves_the_centre():
    centre = Centre(3)
    assert centre(torch.zeros(0, 3), 0.04).shape == (0, 3)
    assert not centre.centre.any()
