import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import schema as c
from curate.filters.mix import Mix, shares
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples


def kept(frame, item):
    subset = decide(frame, [item], {})
    counts = frame.filter(pl.Series(subset.keep)).group_by("source").len().sort("source")
    return dict(counts.iter_rows())


def pools(**sizes):
    source = [name for name, size in sizes.items() for _ in range(size)]
    return samples(len(source), source=source)


def test_equal_sizes_are_those_of_the_smallest_pool():
    assert kept(pools(a=10, b=4, c=7), Mix(by="source")) == {"a": 4, "b": 4, "c": 4}
    assert kept(pools(a=10, b=4, c=7), Mix(by="source", weights={"a": 1, "c": 1})) == {"a": 7, "c": 7}


def test_flamingos_weights_at_the_largest_possible_and_at_a_total():
    weights = {"m3w": 1.0, "align": 0.2, "ltip": 0.2, "vtp": 0.03}
    frame = pools(m3w=1000, align=500, ltip=120, vtp=30)
    assert kept(frame, Mix(by="source", weights=weights)) == {"m3w": 600, "align": 120, "ltip": 120, "vtp": 18}
    some = kept(frame, Mix(by="source", weights=weights, total=100))
    assert sum(some.values()) == 100 and some == {"m3w": 70, "align": 14, "ltip": 14, "vtp": 2}


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50), min_size=1),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([0.0, 0.1, 0.3, 1.0, 2.5]), min_size=1),
    st.none() | st.integers(0, 120),
)
def test_proportions_hold_up_to_one_sample_and_nothing_runs_short(sizes, weights, total):
    found = shares(sizes, weights, total)
    whole = sum(weights.values())
    assert all(count <= sizes.get(name, 0) for name, count in found.items())
    for name, count in found.items():
        assert abs(count - sum(found.values()) * weights[name] / whole) <= len(found)
    if total is not None and all(sizes.get(n, 0) >= total for n, w in weights.items() if w) and whole:
        assert sum(found.values()) == total


def test_the_draw_depends_on_no_order_and_is_nested():
    frame = pools(a=50, b=30)
    order = np.random.default_rng(0).permutation(80)
    whole = decide(frame, [Mix(by="source")], {}).keep
    assert (decide(frame[order], [Mix(by="source")], {}).keep == whole[order]).all()
    small = decide(frame, [Mix(by="source", total=20)], {}).keep
    assert (small <= whole).all() and small.sum() == 20
    assert (decide(frame, [Mix(by="source", total=20, seed=1)], {}).keep != small).any()


def test_conditions_with_labels_and_survivors_only():
    frame = samples(6, words=[1, 2, 9, 9, 9, None], gone=[0, 0, 0, 0, 1, 0])
    item = Mix(groups={"short": "words < 5", "long": "words >= 2"}, weights={"short": 2, "long": 1})
    subset = decide(frame, [Where(sql="gone = 0"), item], {})
    assert subset.table.column(c.REASON).to_pylist()[4:] == ["where.sql", "mix.weights:null"]
    assert subset.keep[:2].all() and subset.keep[2:4].sum() == 1
    assert item.reads() == {"words", c.UID}


@pytest.mark.parametrize(
    "given_", [{}, {"by": "a", "groups": {"x": "a > 1"}}, {"by": "a", "weights": {"x": -1}}, {"by": "a", "weights": {}},
               {"groups": {"x": "a >"}}, {"groups": {"x": "a > 1"}, "weights": {"y": 1}}]
)  # fmt: skip
def test_what_is_no_mixture(given_):
    with pytest.raises(ValueError, match=r"either by|not negative|not an SQL|is none of"):
        Mix(**given_)
