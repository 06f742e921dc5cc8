import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.filters.rule import Filter, Rule
from curate.filters.where import Where
from curate.subset import datacomp_uids, decide, know
from tests.conftest import samples


def rows(subset):
    return pl.from_arrow(subset.table)


def check_funnel(subset, asked):
    before = asked
    for row in subset.funnel:
        assert row.rows_in == before and row.rows_in + row.added == row.dropped + row.kept
        before = row.kept
    assert before == rows(subset)[c.KEEP].sum()


def test_first_reason_every_reason_and_null():
    frame = samples(4, score=[0.9, 0.1, None, 0.5], words=[5, 1, 5, 1])
    subset = decide(frame, [Where(sql="score > 0.3", name="s"), Where(sql="words > 2", name="w")], {})
    answer = rows(subset)
    assert answer[c.KEEP].to_list() == [True, False, False, False]
    assert answer[c.REASON].to_list() == [None, "s.sql", "s.sql:null", "w.sql"]
    assert answer[c.FAILED].to_list() == [[], ["s.sql", "w.sql"], ["s.sql:null"], ["w.sql"]]
    check_funnel(subset, 4)


def test_failed_downloads_have_their_outcome_as_reason_and_failed_no_rule():
    frame = samples(3, words=[None, 5, None]).with_columns(pl.Series(c.OUTCOME, ["404", "ok", "timeout"]))
    subset = decide(frame, [Where(sql="words > 2")], {})
    assert rows(subset)[c.REASON].to_list() == ["download.404", None, "download.timeout"]
    assert rows(subset)[c.FAILED].to_list() == [[], [], []]
    nothing = frame.with_columns(pl.Series(c.SHA256, [None, "s", None]))
    assert [row.images for row in decide(nothing, [], {}).funnel] == [1, 1, 1]  # what never came is no image
    assert [(r.stage, r.rule) for r in subset.funnel][:3] == [
        ("input", "repeated"), ("download", "404"), ("download", "timeout")]  # fmt: skip


@pytest.mark.parametrize(("outcomes", "kept"), [(["ok", "ok"], 0), (["429", "ok"], 1)])
def test_of_a_uid_asked_for_twice_the_first_that_came_is_kept(outcomes, kept):
    frame = samples(2).with_columns(pl.lit("f" * 32).alias(c.UID), pl.Series(c.OUTCOME, outcomes))
    subset = decide(frame, [], {})
    assert rows(subset)[c.KEEP].to_list() == [i == kept for i in range(2)]
    assert rows(subset)[c.REASON][1 - kept] == "input.repeated"
    check_funnel(subset, 2)


class Captions(Filter):
    type = "captions"

    @property
    def writer(self):
        return "captioner"

    def rules(self):
        return [Rule("good", pl.col("score") > 0.5)]

    def reads(self):
        return {"score"}


def test_synthetic_samples_come_in_at_their_slot_and_are_then_treated_alike():
    frame = samples(5, image_uid=["a", "b", "a", "b", "z"], score=[0.9, 0.2, 0.8, 0.1, 0.9])
    frame = frame.with_columns(pl.Series(c.ORIGIN, ["web", "web", "synthetic", "synthetic", "synthetic"]))
    subset = decide(frame, [Where(sql="score > 0.3"), Captions()], {})
    answer = rows(subset)
    assert answer[c.KEEP].to_list() == [True, False, True, False, False]  # image b was dropped, z never was
    added = next(r for r in subset.funnel if r.rule == "appended")
    assert (added.rows_in, added.added, added.kept) == (1, 1, 2)
    check_funnel(subset, 2)


def test_what_joins_after_a_rule_about_copies_is_there_once():
    class Twice(Filter):
        type = "twice"

        def rules(self):
            return [Rule("copies", compare=lambda frame, asked, tables: pl.Series([2] * len(frame)))]

        def reads(self):
            return set()

    frame = samples(3, image_uid=["a", "b", "a"], score=[0.9, 0.9, 0.8])
    frame = frame.with_columns(pl.Series(c.ORIGIN, ["web", "web", "synthetic"]))
    answer = rows(decide(frame, [Twice(), Captions()], {}))
    assert answer[c.KEEP].to_list() == [True] * 3 and answer[c.COPIES].to_list() == [2, 2, 1]


def test_golden_d3_datacomps_file_is_sorted_and_repeats_copies():
    frame = samples(3)
    table = decide(frame, [], {}).table
    table = table.set_column(6, c.COPIES, [[1, 2, 1]])
    ids = datacomp_uids(table)
    assert ids.dtype == np.dtype("u8,u8") and ids.tolist() == [(0, 0), (0, 1), (0, 1), (0, 2)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from(["ok", "404", "dns"]), st.none() | st.floats(0, 1)),
        min_size=1,
        max_size=30,
    )
)
def test_the_funnel_always_adds_up(drawn):
    frame = samples(len(drawn), score=pl.Series([d[2] for d in drawn], dtype=pl.Float64))
    frame = frame.with_columns(
        pl.Series(c.UID, [d[0] * 32 for d in drawn], dtype=pl.String),
        pl.Series(c.OUTCOME, [d[1] for d in drawn], dtype=pl.String),
    )
    subset = decide(frame, [Where(sql="score > 0.5", name="a"), Where(sql="score < 0.8", name="b")], {})
    check_funnel(subset, len(drawn))
    answer = rows(subset)
    assert (answer[c.KEEP] == answer[c.REASON].is_null()).all()


class Copies(Filter):
    type = "copies"
    column: str

    def rules(self):
        return [Rule("copies", compare=lambda frame, asked, tables: frame[self.column])]

    def reads(self):
        return {self.column}


def test_integers_are_copies_none_of_which_is_a_drop_and_the_last_answer_stands():
    frame = samples(4, one=[3, 0, 2, None], two=[5, 5, 0, 5])
    subset = decide(frame, [Copies(column="one"), Where(sql="one < 9")], {})
    assert subset.table.column(c.COPIES).to_pylist() == [3, 0, 2, 0]
    assert subset.table.column(c.REASON).to_pylist() == [None, "copies.copies", None, "copies.copies:null"]
    assert [tuple(pair) for pair in subset.uids().tolist()] == [(0, 0)] * 3 + [(0, 2)] * 2
    assert (subset.uids() == datacomp_uids(subset.table)).all()
    both = decide(frame, [Copies(column="one"), Copies(column="two", name="later")], {})
    assert both.copies.tolist() == [5, 0, 0, 0]
    check_funnel(both, 4)


def test_a_table_in_chunks_is_the_table():
    frame = samples(10, score=[i / 10 for i in range(10)], words=[5, None] * 5)
    subset = decide(frame, [Where(sql="score > 0.3", name="s"), Where(sql="words > 2", name="w")], {})
    chunks = pl.from_arrow(list(subset.batches(3)), schema=None)
    assert chunks.equals(rows(subset)) and subset.rows == 10 and subset.kept == 3
    assert subset.reason(np.array([0, 4, 5])).to_pylist() == ["s.sql", None, "w.sql:null"]


def test_what_is_known_of_a_pool_needs_no_uid_and_no_sha256():
    frame = samples(4, score=[0.9, 0.9, 0.9, 0.1]).with_columns(pl.Series(c.UID, ["a", "a", "b", "c"]))
    whole = decide(frame, [Where(sql="score > 0.5")], {})
    again = decide(frame.drop(c.UID, c.IMAGE_UID, c.SHA256), [Where(sql="score > 0.5")], {}, know(frame))
    assert (again.keep == whole.keep).all() and again.funnel == whole.funnel
    assert again.reason(slice(0, 4)).to_pylist() == whole.table.column(c.REASON).to_pylist()
    pieces = [again.batch(start, frame[start : start + 3]) for start in (0, 3)]
    assert [len(piece) for piece in pieces] == [3, 1] and pa.Table.from_batches(pieces).equals(whole.table)
