import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curate.distinct import Distinct, first_of_each, groups, numbered

VALUES = st.lists(st.tuples(st.none() | st.sampled_from("abcdefgh"), st.booleans()), max_size=40)


@given(VALUES)
def test_rows_that_share_a_value_and_how_many_values_there_are(drawn):
    values = pl.Series([v for v, _ in drawn], dtype=pl.String)
    alive = np.array([a for _, a in drawn], bool)
    rows, codes = groups(values)
    shared = [i for i, (v, _) in enumerate(drawn) if v is not None and [w for w, _ in drawn].count(v) > 1]
    assert sorted(rows.tolist()) == shared
    found = list(zip(rows.tolist(), codes.tolist(), strict=True))
    assert all((g == h) == (values[i] == values[j]) for i, g in found for j, h in found)
    assert Distinct(numbered(values)).count(alive) == len({v for v, a in drawn if a and v is not None})


@given(VALUES)
def test_of_each_value_the_row_with_the_smallest_name(drawn):
    names = [f"{(i * 17) % 41:02d}" for i in range(len(drawn))]
    frame = pl.DataFrame(
        {"v": pl.Series([v or "-" for v, _ in drawn], dtype=pl.String), "name": pl.Series(names, dtype=pl.String)}
    )
    asked = pl.Series([a for _, a in drawn], dtype=pl.Boolean)
    expected = frame.filter(asked).group_by("v").agg(pl.col("name").min())["name"].sort().to_list()
    assert frame.filter(first_of_each(frame, ["v"], "name", asked))["name"].sort().to_list() == expected
