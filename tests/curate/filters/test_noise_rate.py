import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from curate.filters.clip_score import ClipScoreFilter
from curate.filters.noise_rate import Mixture, fit, right_share
from curate.filters.score import Score
from curate.subset import decide
from tests.conftest import samples


def two_groups(share: float, apart: float, count: int = 4000, seed: int = 0) -> np.ndarray:
    source = np.random.default_rng(seed)
    right = round(count * share)
    return source.permutation(np.r_[source.normal(0, 1, count - right), source.normal(apart, 1, right)])


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("apart", [3.0, 5.0])
def test_the_share_of_a_known_mixture_is_found(share, apart):
    found = fit(two_groups(share, apart))
    assert found is not None
    assert found.weights[1] == pytest.approx(share, abs=0.03)
    assert found.means == pytest.approx((0, apart), abs=0.3)
    assert found.deviations == pytest.approx((1, 1), abs=0.15)
    assert found.separation == pytest.approx(apart, abs=0.4)


def test_the_fit_is_that_of_scikit_learn():
    from sklearn.mixture import GaussianMixture

    scores = two_groups(0.3, 4.0)
    theirs = GaussianMixture(2, n_init=5, tol=1e-7, max_iter=500, random_state=0).fit(scores[:, None])
    order = np.argsort(theirs.means_[:, 0])
    ours = fit(scores)
    assert ours is not None
    assert ours.weights == pytest.approx(tuple(theirs.weights_[order]), abs=2e-3)
    assert ours.means == pytest.approx(tuple(theirs.means_[order, 0]), abs=5e-3)
    expected = theirs.predict_proba(scores[:, None])[:, order[1]]
    assert np.abs(ours.upper(scores) - expected).max() < 0.01


@pytest.mark.parametrize(
    "scores", [np.random.default_rng(1).normal(0, 1, 2000), two_groups(0.5, 1.0), np.full(100, 0.3), np.arange(5.0)]
)
def test_what_is_one_group_is_not_divided(scores):
    assert right_share(scores) == 1.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), max_size=60), st.randoms(use_true_random=False))
def test_order_scale_and_place_do_not_matter(values, chance):
    scores = np.array(values, np.float64)
    shuffled = np.array(chance.sample(values, len(values)), np.float64)
    found = fit(scores)
    assert fit(shuffled) == found
    if found is not None:
        assert sum(found.weights) == pytest.approx(1)
        assert found.means[0] <= found.means[1]
        assert ((found.upper(scores) >= 0) & (found.upper(scores) <= 1)).all()


def test_tiny_scores_part_as_large_ones_do():
    scores = two_groups(0.3, 4.0)
    assert right_share(scores * 1e-4 - 7e-3) == pytest.approx(right_share(scores), abs=1e-6)


def test_the_estimate_says_how_many_are_kept():
    scores = two_groups(0.3, 4.0, 1000)
    frame = samples(1000, s=scores.tolist())
    answer = decide(frame, [Score(column="s", top="estimated")], {})
    assert answer.kept == round(1000 * round(right_share(scores), 3))
    assert scores[answer.keep].min() >= scores[~answer.keep].max()


def test_each_group_has_an_estimate_of_its_own():
    scores = np.r_[two_groups(0.2, 5.0, 500, 1), two_groups(0.8, 5.0, 500, 2)]
    frame = samples(1000, s=scores.tolist(), language=["en"] * 500 + ["de"] * 500)
    together = decide(frame, [Score(column="s", top="estimated")], {}).kept
    apart = decide(frame, [Score(column="s", top="estimated", per="language")], {}).kept
    assert apart == pytest.approx(500, abs=20)
    assert together == pytest.approx(500, abs=20)
    assert right_share(scores[:500]) == pytest.approx(0.2, abs=0.03)


def test_it_is_a_word_and_no_other():
    assert ClipScoreFilter(model="clip", top="estimated").top == "estimated"
    for wrong in ("guessed", 0, 1.5):
        with pytest.raises(ValidationError):
            ClipScoreFilter(model="clip", top=wrong)


def test_a_mixture_of_equal_components_says_so():
    assert Mixture((0.5, 0.5), (0.0, 0.0), (1.0, 1.0)).separation == 0
