import polars as pl
import pytest

from curate import schema as c
from curate.filters.stability import Stability
from curate.subset import decide
from tests.conftest import samples

LOGITS = [-2.0, -0.5, 0.5, 2.0]


def test_golden_a14_stability_is_a_third_and_of_ten_times_the_logits_one():
    item = Stability(column="logits")
    frame = samples(4, logits=[LOGITS, [10 * x for x in LOGITS], [-3.0], None])
    assert frame.select(item.stability())["logits"].to_list() == [pytest.approx(1 / 3), 1.0, None, None]
    reasons = decide(frame, [item], {}).table.column(c.REASON).to_pylist()
    assert reasons == ["stability.min", None, "stability.min:null", "stability.min:null"]


def test_both_comparisons_are_strict_and_the_share_that_equals_min_is_kept():
    frame = samples(2, logits=[[1.0, 2.0], [-1.0, 2.0]])
    assert frame.select(Stability(column="logits").stability())["logits"].to_list() == [0.5, 1.0]
    assert decide(frame, [Stability(column="logits", min=0.5)], {}).kept == 2


def test_a_score_and_its_lower_bound():
    item = Stability(score="iou", lower="worst", min_score=0.88)
    frame = samples(4, iou=[0.9, 0.88, 1.0, 0.0], worst=[0.89, 0.88, 0.94, 0.0])
    reasons = decide(frame, [item], {}).table.column(c.REASON).to_pylist()
    assert reasons == [None, "stability.min_score", "stability.min", "stability.min_score"]
    assert item.reads() == {"iou", "worst"}


@pytest.mark.parametrize("given", [{}, {"column": "a", "lower": "b"}, {"lower": "b"}, {"column": "a", "min_score": 1}])
def test_one_form(given):
    with pytest.raises(ValueError, match=r"give either|needs score"):
        Stability(**given)


def test_lists_of_integers_too():
    frame = samples(1, logits=pl.Series([[0, 2, 3]], dtype=pl.List(pl.Int32)))
    assert frame.select(Stability(column="logits").stability())["logits"].to_list() == [pytest.approx(2 / 3)]


def test_nan_is_unmeasured():
    nan, null = float("nan"), "stability.min:null"
    frame = samples(3, logits=[[2.0, nan], [nan, nan], [2.0, float("inf")]])
    assert decide(frame, [Stability(column="logits")], {}).table.column(c.REASON).to_pylist() == [null, null, None]
    frame = samples(4, iou=[nan, 0.9, nan, float("inf")], worst=[0.9, nan, nan, float("inf")])
    item = Stability(score="iou", lower="worst")
    assert decide(frame, [item], {}).table.column(c.REASON).to_pylist() == [null] * 4
    item = Stability(score="iou", lower="worst", min_score=0.5)
    score = "stability.min_score:null"
    assert decide(frame, [item], {}).table.column(c.REASON).to_pylist() == [score, null, score, null]
