"""Bins that hold what they say, thresholds between whole numbers, outliers in the end bins."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.report.columns import prepared
from curate.report.evidence import Evidence, Threshold
from curate.report.histograms import cut, numeric_columns
from curate.report.statistics import statistics

SCORE = c.clip_score("b32")


def block_of(values: list, dtype: pl.DataType | type = pl.Float64, *thresholds: Threshold) -> dict:
    frame = pl.DataFrame({"value": pl.Series(values, dtype=dtype), c.OUTCOME: ["ok"] * len(values)})
    return numeric_columns(prepared(frame.lazy()), ["value"], thresholds)["value"]


def test_quantiles_and_bins_by_hand(ten: Evidence) -> None:
    block = statistics(ten)["signals"][SCORE]
    assert (block["count"], block["nulls"]) == (5, 1)
    assert (block["quantiles"]["min"], block["quantiles"]["median"], block["quantiles"]["max"]) == (0.1, 0.3, 0.5)
    histogram = block["histogram"]
    edges = histogram["edges"]
    assert edges[0] == 0.1
    assert np.allclose(np.diff(edges), 0.01)
    kept = {round(edges[i], 6): n for i, n in enumerate(histogram["kept"]) if n}
    dropped = {round(edges[i], 6): n for i, n in enumerate(histogram["dropped"]) if n}
    assert kept == {0.3: 1, 0.4: 1, 0.5: 1}
    assert dropped == {0.1: 1, 0.2: 1}
    assert sum(histogram["dropped_here"]) == 1  # the other left at text.words


def test_near_counts_within_one_percent_of_the_range() -> None:
    threshold = Threshold("value", "min", 0.5, "s", "r", False)
    values = [0.0, 1.0, 0.495, 0.505, 0.4899, 0.52]
    block = block_of(values, pl.Float64, threshold)
    low, high = block["thresholds"][0]["near_range"]
    assert low == pytest.approx(0.4897, abs=1e-3)
    assert high == pytest.approx(0.5103, abs=1e-3)
    assert block["thresholds"][0]["near"] == sum(low <= value <= high for value in values)


def test_whole_numbers_have_a_bin_each() -> None:
    histogram = block_of([1, 2, 2, 5], pl.Int32)["histogram"]
    assert histogram["edges"] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert histogram["dropped"] == [1, 2, 0, 0, 1]


@pytest.mark.parametrize(
    ("bound", "strict", "where"), [("min", False, 2.5), ("min", True, 3.5), ("max", False, 3.5), ("max", True, 2.5)]
)
def test_a_threshold_lies_between_whole_numbers(bound: str, strict: bool, where: float) -> None:
    assert cut(Threshold("value", bound, 3, "s", "r", strict), True) == where
    assert cut(Threshold("value", bound, 3, "s", "r", strict), False) == 3


def test_outliers_are_in_the_end_bins_and_said_to_be() -> None:
    values = [*np.linspace(0.001, 0.99, 1000), 1000.0, -1000.0]
    histogram = block_of(values)["histogram"]
    assert (histogram["below"], histogram["above"]) == (1, 1)
    assert histogram["edges"][-1] < 2
    assert sum(histogram["dropped"]) == 1002


def test_orders_of_magnitude_are_drawn_in_the_logarithm() -> None:
    threshold = Threshold("value", "max", 1000, "s", "r", False)
    block = block_of([1] * 90 + [5] * 8 + [1000, 2000], pl.Int64, threshold)
    assert block["histogram"]["scale"] == "log"
    assert 1000.5 in block["histogram"]["edges"]


def test_nan_is_a_null_and_infinity_is_no_crash() -> None:
    block = block_of([1.0, float("nan"), None, 2.0])
    assert (block["count"], block["nulls"]) == (2, 2)
    endless = block_of([1.0, float("inf"), 2.0])
    assert sum(endless["histogram"]["dropped"]) == 3


def test_a_constant_and_nothing_at_all() -> None:
    assert block_of([0.5, 0.5])["histogram"]["dropped"] == [2]
    nothing = block_of([None, None])
    assert nothing["histogram"] is None
    assert nothing["nulls"] == 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=False, width=32)), min_size=1, max_size=60),
    st.floats(-100, 100),
)
def test_any_floats_are_all_in_some_bin(values: list, bound: float) -> None:
    block = block_of(values, pl.Float32, Threshold("value", "max", bound, "s", "r", True))
    measured = sum(value is not None and value == value for value in values)
    assert block["count"] == measured
    if measured:
        edges = block["histogram"]["edges"]
        assert sorted(set(edges)) == edges
        assert sum(block["histogram"]["dropped"]) == measured


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60), st.integers(0, 2000))
def test_any_whole_numbers_are_all_in_the_right_bin(values: list[int], bound: int) -> None:
    histogram = block_of(values, pl.Int64, Threshold("value", "min", bound, "s", "r", False))["histogram"]
    edges = histogram["edges"]
    assert sorted(set(edges)) == edges
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    assert np.bincount(places, minlength=len(edges) - 1).tolist() == histogram["dropped"]


def test_phash_and_row_numbers_are_no_signals(ten: Evidence) -> None:
    more = ten.samples.with_columns(phash=pl.lit(2**63, pl.UInt64), offset=pl.lit(512), sharpness=pl.lit(3.0))
    signals = statistics(replace(ten, samples=more))["signals"]
    assert list(signals)[:2] == [c.WORDS, SCORE]  # those with a threshold first
    assert "sharpness" in signals
    assert not {"phash", "offset", "copies", c.WIDTH} & set(signals)
