import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.logistic_regression import fit, objective
from model_training.libraries import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Threads wait for one another longer than problems of this size take."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def planted(n=120, dim=5, classes=4):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, n)
    return rng.normal(size=(classes, dim))[labels] + rng.normal(size=(n, dim)), labels


def test_the_gradient_is_that_of_the_library():
    features, labels = (torch.from_numpy(part) for part in planted())
    table = torch.from_numpy(np.random.default_rng(1).normal(size=(6, 4))).requires_grad_()
    logits = features @ table[:-1] + table[-1]
    expected = torch.nn.functional.cross_entropy(logits, labels) + (table[:-1] ** 2).sum() / (2 * 0.3 * len(labels))
    value, gradient = objective(table.detach(), features, labels, 0.3)
    assert float(value) == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(gradient, *torch.autograd.grad(expected, table), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("c", [1e-3, 0.3, 30.0])
def test_it_is_scikit_learns(c):
    linear_model = pytest.importorskip("sklearn.linear_model")
    features, labels = planted()
    peer = linear_model.LogisticRegression(C=c, tol=1e-10, max_iter=5000).fit(features, labels)
    found = fit(features, labels, 4, c)
    np.testing.assert_allclose(found.weights.T, peer.coef_, atol=2e-4)
    ours, theirs = found.scores(features), peer.decision_function(features)
    np.testing.assert_allclose(ours - ours.mean(1, keepdims=True), theirs - theirs.mean(1, keepdims=True), atol=2e-3)


def test_a_class_without_images_and_what_cannot_be_fitted():
    features, labels = planted()
    assert fit(features, labels, 6, 1.0).scores(features).argmax(1).max() < 4
    with pytest.raises(InputError, match="not finite"):
        fit(features * np.nan, labels, 4, 1.0)
    with pytest.raises(InputError, match="119 labels"):
        fit(features, labels[1:], 4, 1.0)
    for classes, c in ((3, 1.0), (4, 0.0), (4, float("nan"))):
        with pytest.raises(InputError, match="C above 0"):
            fit(features, labels, classes, c)
