"""Words and concepts against counts by hand."""

import numpy as np
import polars as pl

from curate.report.captions import caption_statistics, gini, spread
from curate.report.columns import prepared
from curate.report.evidence import Evidence


def stats_of(kept: list[str], dropped: list[str]) -> dict:
    frame = pl.DataFrame({"caption": kept + dropped, "keep": [True] * len(kept) + [False] * len(dropped)})
    return caption_statistics(prepared(frame.lazy()))


def test_words_by_hand(ten: Evidence) -> None:
    found = caption_statistics(prepared(ten.samples))
    assert found["captions"] == {"pool": 10, "kept": 3}
    words = found["words"]
    assert [(row["term"], row["kept"], row["pool"]) for row in words["frequent"]] == [
        ("car", 3, 6),
        ("red", 2, 5),
        ("blue", 1, 3),
    ]
    assert (words["distinct"], words["once"], words["once_examples"]) == (3, 1, ["blue"])
    assert words["distinct_pool"] == 8  # red car blue sky today x gone slow


def test_a_caption_counts_a_word_once() -> None:
    found = stats_of(["very very very red"], [])
    assert [(row["term"], row["kept"]) for row in found["words"]["frequent"]] == [("red", 1), ("very", 1)]


def test_favoured_and_lost() -> None:
    found = stats_of(["red car"] * 8 + ["blue car"] * 2, ["blue car"] * 10)["concepts"]
    favoured = {row["term"]: row for row in found["favoured"]}
    assert set(favoured) == {"red", "red car"}
    assert favoured["red"] == {
        "term": "red",
        "pool": 8,
        "kept": 8,
        "pool_share": 0.4,
        "kept_share": 0.8,
        "change": 0.4,
    }
    assert {row["term"] for row in found["lost"]} == {"blue", "blue car"}
    assert found["vanished"] == 0


def test_function_words_are_no_concepts_but_are_words() -> None:
    found = stats_of(["the top of the hill"] * 5, [])
    terms = {row["term"] for row in found["concepts"]["frequent"]}
    assert terms == {"top", "hill"}
    assert "the" in {row["term"] for row in found["words"]["frequent"]}


def test_pairs_do_not_cross_captions() -> None:
    found = stats_of(["green apple", "small pear"], [])
    terms = {row["term"] for row in found["concepts"]["frequent"]}
    assert terms == {"apple", "green", "green apple", "pear", "small", "small pear"}


def test_repeated_captions(ten: Evidence) -> None:
    assert caption_statistics(prepared(ten.samples))["repeated"] == [
        {"caption": "red car", "pool": 3, "kept": 2},
        {"caption": "blue sky today", "pool": 2, "kept": 0},
        {"caption": "red car gone", "pool": 2, "kept": 0},
    ]


def test_gini() -> None:
    assert gini(np.array([5, 5, 5, 5])) == 0
    assert gini(np.array([0, 0, 0, 8])) == 0.75
    assert gini(np.array([1, 3])) == 0.25
    assert gini(np.array([])) == 0


def test_spread_reaches_from_end_to_end() -> None:
    terms = pl.Series([f"{n:03d}" for n in range(100)])
    assert spread(terms, 3)[0] == "000"
    assert spread(terms, 3)[-1] == "099"
    assert len(spread(terms)) == 30
    assert spread(pl.Series([], dtype=pl.String)) == []
