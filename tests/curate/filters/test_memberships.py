import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters import memberships
from curate.filters.memberships import (
    Memberships,
    bernoulli_limits,
    keep_probability,
    kept_rows,
    make_draws,
    smallest_limits,
    sure_rows,
)
from curate.uid import draw_int


def lists(rows):
    return pl.Series(rows, dtype=pl.List(pl.Int32))


def draws_of(members, size, seed=0):
    uids = pl.Series([f"u{i}" for i in range(len(members.lengths))])
    names = pl.Series([f"e{i}" for i in range(size)])
    return make_draws(seed, "test", uids, members.lengths > 0, names.gather, np.ones(size, bool))


def test_a_null_and_an_empty_list_belong_to_nothing():
    members = Memberships.of(lists([[0, 2], None, [], [2]]))
    assert members.entries.tolist() == [0, 2, 2] and members.lengths.tolist() == [2, 0, 0, 1]
    assert members.counts(4).tolist() == [1, 0, 2, 0]
    assert Memberships.of(lists([])).counts(2).tolist() == [0, 0]
    some = members.only(np.array([False, False, True, True]))
    assert some.entries.tolist() == [2, 2] and some.lengths.tolist() == [1, 0, 0, 1]


def test_golden_a3_probabilities():
    limits = bernoulli_limits(np.array([60_000, 40_000, 20_000, 1, 0]), 20_000)
    assert [(int(limit) + 1) / 2**64 for limit in limits] == [1 / 3, 1 / 2, 1, 1, 1]
    assert int(limits[0]) + 1 == 2**64 // 3 and int(limits[1]) + 1 == 2**63
    counts = np.array([60_000, 40_000, 60_000])
    found = keep_probability(Memberships.of(lists([[0, 1], [0, 2], [], [0]])), counts, 20_000)
    assert np.allclose(found, [2 / 3, 5 / 9, 0, 1 / 3])
    assert keep_probability(Memberships.of(lists([[0, 1]])), np.array([9, 2]), 2)[0] == 1


def test_pairs_draw_independently_of_one_another():
    rows = 200_000
    members = Memberships.of(lists([[0, 1]] * rows))
    draws = draws_of(members, 2)
    at = np.arange(rows)
    a, b = (draws(at, np.full(rows, entry)) < np.uint64(2**63) for entry in (0, 1))
    for share, expected in ((a.mean(), 0.5), (b.mean(), 0.5), ((a & b).mean(), 0.25), ((a[1:] & a[:-1]).mean(), 0.25)):
        assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / rows)


def test_the_smallest_draws_are_those():
    members = Memberships.of(lists([[0], [0], [0], [1], [0], []]))
    draws = draws_of(members, 2)
    limits = smallest_limits(members, np.array([4, 1]), 2, draws)
    smallest = sorted((int(draws(np.array([r]), np.array([0]))[0]), r) for r in (0, 1, 2, 4))[:2]
    assert int(limits[0]) == smallest[1][0] and limits[1] == memberships.ALL
    nothing = np.zeros(6, bool)
    kept = kept_rows(members, limits, draws, nothing)
    assert set(np.flatnonzero(kept)) == {r for _, r in smallest} | {3}


def naive(rows, counts, cap, seed):
    """One pair at a time, in Python's whole numbers."""

    def mix(z):
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
        return z ^ (z >> 31)

    def wins(row, entry):
        draw = mix(draw_int(seed, f"u{row}", "test") ^ draw_int(seed, f"e{entry}", "test.entry"))
        return draw < (cap << 64) // max(counts[entry], cap)

    return [any(wins(row, entry) for entry in held) for row, held in enumerate(rows)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 3)).map(sorted), max_size=40), st.integers(1, 6), st.integers(0, 3))
def test_law_the_same_as_one_pair_at_a_time_whatever_the_chunks(rows, cap, seed):
    members = Memberships.of(lists(rows))
    counts = members.counts(4)
    answers = []
    for chunk in (7, 1_000_000):
        memberships.ROWS, before = chunk, memberships.ROWS
        sure = sure_rows(members, counts <= cap)
        answers.append(kept_rows(members, bernoulli_limits(counts, cap), draws_of(members, 4, seed), sure).tolist())
        memberships.ROWS = before
    assert answers[0] == answers[1]
    assert answers[0] == naive(rows, counts.tolist(), cap, seed)
