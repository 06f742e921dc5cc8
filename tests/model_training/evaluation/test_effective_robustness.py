import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.effective_robustness import Baseline, fitted

REFERENCE, SHIFTED = [0.60, 0.70, 0.80], [0.46628, 0.56527, 0.67867]


def test_golden_a16_the_line_and_a_model_above_it():
    line = fitted(REFERENCE, SHIFTED)
    assert (line.slope, line.intercept) == (pytest.approx(0.9, abs=2e-5), pytest.approx(-0.5, abs=2e-5))
    assert float(line.predicted(0.75)) == pytest.approx(0.61981, abs=5e-6)
    assert float(line.effective_robustness(0.75, 0.70)) == pytest.approx(0.08019, abs=5e-6)
    assert line.predicted(REFERENCE) == pytest.approx(SHIFTED, abs=5e-6)


def test_it_is_the_least_squares_line_of_numpy_and_its_residuals_between_logits_cancel_out():
    rng = np.random.default_rng(0)
    reference, shifted = rng.uniform(0.3, 0.9, 40), rng.uniform(0.1, 0.8, 40)
    line = fitted(reference, shifted)
    x, y = (np.log(a / (1 - a)) for a in (reference, shifted))
    assert [line.slope, line.intercept] == pytest.approx(np.polyfit(x, y, 1).tolist())
    assert (y - line.slope * x - line.intercept).sum() == pytest.approx(0, abs=1e-9)


def test_models_on_the_line_have_none_and_the_identity_foretells_the_same():
    reference = np.array([0.2, 0.5, 0.9])
    assert Baseline(1.0, 0.0).effective_robustness(reference, reference) == pytest.approx([0, 0, 0])
    assert Baseline(1.0, 0.0).effective_robustness([0.5], [0.6]) == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("reference", "shifted"),
    [([0.5], [0.4]), ([0.5, 0.5], [0.4, 0.3]), ([], []), ([0.5, 0.6], [0.4]), (0.5, 0.4)],
)
def test_where_there_is_no_line(reference, shifted):
    with pytest.raises(InputError, match="no line") as error:
        fitted(reference, shifted)
    assert "two baseline models" in error.value.hint


@pytest.mark.parametrize("accuracy", [0.0, 1.0, 75.0, float("nan")])
def test_what_has_no_logit(accuracy):
    with pytest.raises(InputError, match="no logit"):
        fitted([0.5, accuracy], [0.4, 0.5])
    with pytest.raises(InputError, match="no logit"):
        Baseline(0.9, -0.5).predicted([accuracy])
