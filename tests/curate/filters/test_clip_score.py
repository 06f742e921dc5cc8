import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import schema as c
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.score import top_fraction
from curate.subset import decide
from tests.conftest import samples


def kept(scores, fraction):
    count = len(scores)
    uids = pl.Series([f"{i:032x}" for i in range(count)], dtype=pl.String)
    asked = pl.Series([True] * count, dtype=pl.Boolean)
    return top_fraction(pl.Series(scores, dtype=pl.Float32), uids, asked, fraction).fill_null(False).to_list()


def test_golden_a6_exactly_the_fraction_is_kept_where_datacomp_keeps_one_more():
    assert kept([i / 10 for i in range(1, 11)], 0.3) == [False] * 7 + [True] * 3
    assert sum(kept([0.5] * 10, 0.3)) == 3  # ties are broken by uid
    assert kept([0.5] * 10, 0.3)[:3] == [True] * 3
    assert all(kept([0.1, 0.2], 1.0))
    assert sum(kept(list(range(100)), 0.29)) == 29  # int(100 * 0.29) is 28


@given(st.lists(st.none() | st.floats(-1, 1, width=32), max_size=40), st.sampled_from([0.01, 0.1, 0.29, 0.5, 1.0]))
def test_the_best_are_kept_whatever_the_order(scores, fraction):
    answer = kept(scores, fraction)
    inside = [s for s, k in zip(scores, answer, strict=True) if k]
    outside = [s for s, k in zip(scores, answer, strict=True) if not k and s is not None]
    assert not inside or not outside or min(inside) >= max(outside)


def test_a_threshold_keeps_what_equals_it_and_null_says_so():
    frame = samples(3, clip_score_m=pl.Series([0.28, 0.2799, None], dtype=pl.Float64))
    reasons = decide(frame, [ClipScoreFilter(model="m", min=0.28)], {}).table.column(c.REASON).to_pylist()
    assert reasons == [None, "clip_score.min", "clip_score.min:null"]


def test_top_of_survivors_counts_survivors_only():
    from curate.filters.where import Where

    frame = samples(4, clip_score_m=[0.9, 0.8, 0.7, 0.6], words=[1, 1, 9, 9])
    rule = Where(sql="words > 5")
    pool = decide(frame, [rule, ClipScoreFilter(model="m", top=0.5)], {}).table.column(c.KEEP).to_pylist()
    survivors = decide(frame, [rule, ClipScoreFilter(model="m", top=0.5, of="survivors")], {}).table
    assert pool == [False] * 4
    assert survivors.column(c.KEEP).to_pylist() == [False, False, True, False]


def test_one_of_min_and_top():
    with pytest.raises(ValueError, match="either min"):
        ClipScoreFilter(model="m")
    with pytest.raises(ValueError, match="either min"):
        ClipScoreFilter(model="m", min=0.1, top=0.1)
