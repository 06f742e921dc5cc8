import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.filters.score import Score, threshold_for_rate, top_fraction
from curate.subset import decide
from tests.conftest import samples


def by_definition(scores, uids, fraction, per):
    """The first ceil(n * f) of each group by (score descending, uid ascending), with sorting and exact integers."""
    kept = [False] * len(scores)
    for group in set(per):
        rows = [i for i, p in enumerate(per) if p == group and scores[i] is not None]
        rows.sort(key=lambda i: (-scores[i], uids[i]))
        hundredths = round(fraction * 100)
        for i in rows[: -(-len(rows) * hundredths // 100)]:
            kept[i] = True
    return kept


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-1, 1, width=32), st.sampled_from("abc")),
        max_size=60,
    ),
    st.sampled_from([0.01, 0.1, 0.29, 0.5, 1.0]),
    st.booleans(),
)  # fmt: skip
def test_a_fraction_is_what_a_sort_would_take(drawn, fraction, stratified):
    scores = [score for score, _ in drawn]
    per = [group for _, group in drawn] if stratified else ["all"] * len(drawn)
    uids = [f"{(i * 7919) % 1009:032x}" for i in range(len(drawn))]
    answer = top_fraction(
        pl.Series(scores, dtype=pl.Float32),
        pl.Series(uids, dtype=pl.String),
        pl.Series([True] * len(drawn), dtype=pl.Boolean),
        fraction,
        pl.Series(per, dtype=pl.String) if stratified else None,
    )
    assert answer.fill_null(False).to_list() == by_definition(scores, uids, fraction, per)
    assert answer.is_null().to_list() == [score is None for score in scores]


def test_golden_a6_the_fraction_rule_and_datacomps():
    def datacomp(scores, fraction):  # the released rule: the score at place int(n * f), and everything from it on
        return sum(s >= sorted(scores, reverse=True)[int(len(scores) * fraction)] for s in scores)

    def ours(scores, fraction):
        return decide(samples(len(scores), s=scores), [Score(column="s", top=fraction)], {}).kept

    tenths = [i / 10 for i in range(1, 11)]
    assert (datacomp(tenths, 0.3), ours(tenths, 0.3)) == (4, 3)
    assert (datacomp([0.5] * 10, 0.3), ours([0.5] * 10, 0.3)) == (10, 3)
    assert int(100 * 0.29) == 28 and ours(list(range(100)), 0.29) == 29
    with pytest.raises(IndexError):
        datacomp(tenths, 1)
    assert ours(tenths, 1) == 10
    assert threshold_for_rate(pl.Series(tenths), 0.3) == 0.8 and threshold_for_rate(pl.Series([0.5] * 10), 0.3) == 0.5


def test_golden_a12_the_top_decile_is_of_the_whole_and_stratified_of_each_language():
    rng = np.random.default_rng(0)
    parts = [rng.normal(mean, 1, count) for mean, count in ((0, 200), (2, 500), (-3, 300))]
    scores, language = np.concatenate(parts), ["a"] * 200 + ["b"] * 500 + ["c"] * 300
    frame = samples(1000, s=scores, language=language)
    whole = decide(frame, [Score(column="s", top=0.1)], {}).keep
    assert set(np.flatnonzero(whole)) == set(np.argsort(-scores)[:100])
    each = decide(frame, [Score(column="s", top=0.1, per="language")], {}).keep
    assert [int(each[language_ == np.array(language)].sum()) for language_ in "abc"] == [20, 50, 30]
    order = rng.permutation(1000)  # in another order, and so in other partitions, the same samples
    assert (decide(frame[order], [Score(column="s", top=0.1)], {}).keep == whole[order]).all()


def test_bounds_their_ties_and_what_was_not_measured():
    frame = samples(5, s=[0.1, 0.2, 0.3, None, float("nan")])

    def reasons(**given):
        return decide(frame, [Score(column="s", **given)], {}).table.column(c.REASON).to_pylist()

    assert reasons(min=0.2) == ["score.min", None, None, "score.min:null", "score.min:null"]
    assert reasons(max=0.2)[:3] == [None, None, "score.max"]
    assert reasons(min=0.1, max=0.3, inclusive=False)[:3] == ["score.min", None, "score.max"]
    assert reasons(top=0.5) == ["score.top", None, None, "score.top:null", "score.top:null"]
    assert decide(samples(2, s=[1, 2]), [Score(column="s", min=2)], {}).kept == 1  # integers are numbers too


def test_a_sample_without_the_column_of_per_is_in_no_fraction():
    frame = samples(4, s=[0.9, 0.8, 0.7, 0.6], language=["en", "en", None, "de"])
    reasons = decide(frame, [Score(column="s", top=0.5, per="language")], {}).table.column(c.REASON).to_pylist()
    assert reasons == [None, "score.top", "score.top:null", None]


def test_what_goes_together():
    for chosen in ({}, {"min": 0.1, "top": 0.5}, {"min": 0.5, "max": 0.1}, {"min": 0.1, "per": "language"}):
        with pytest.raises(ValueError, match=r"either min|is above|goes with"):
            Score(column="s", **chosen)
    assert Score(column="s", min=0.1).reads() == {"s"}
    assert Score(column="s", top=0.1, per="language").reads() == {"s", c.UID, "language"}
    with pytest.raises(ValueError, match="is no score"):
        threshold_for_rate(pl.Series([], dtype=pl.Float32), 0.5)
