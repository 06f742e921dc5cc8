"""Precision and recall by hand."""

import polars as pl
import pytest

from curate.planted.truth import pair_scores, precision_recall, true_pairs


def test_precision_and_recall() -> None:
    predicted = pl.Series([True, True, False, False, True])
    actual = pl.Series([True, False, True, False, True])
    assert precision_recall(predicted, actual) == (2 / 3, 2 / 3)


def test_nothing_said_and_nothing_to_find() -> None:
    no, yes = pl.Series([False, False]), pl.Series([True, False])
    assert precision_recall(no, yes) == (1.0, 0.0)
    assert precision_recall(yes, no) == (0.0, 1.0)
    assert precision_recall(no, no) == (1.0, 1.0)


def test_null_is_false() -> None:
    predicted = pl.Series([None, True, None], dtype=pl.Boolean)
    actual = pl.Series([True, True, None], dtype=pl.Boolean)
    assert precision_recall(predicted, actual) == (1.0, 0.5)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="1 answers for 2 rows"):
        precision_recall(pl.Series([True]), pl.Series([True, False]))


def test_pair_scores() -> None:
    groups = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": None, "g": None}
    said = {("a", "b"), ("b", "a"), ("c", "d"), ("f", "g"), ("e", "d"), ("a", "a")}
    assert pair_scores(groups, said) == (2 / 4, 2 / 4)  # right: ab, de; true: ab, ac, bc, de
    assert pair_scores(groups, true_pairs(groups)) == (1.0, 1.0)
    assert pair_scores(groups, []) == (1.0, 0.0)
    assert pair_scores({"a": None}, []) == (1.0, 1.0)
    assert pair_scores(groups, [("a", "unknown")]) == (0.0, 0.0)
