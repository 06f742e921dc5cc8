import numpy as np
import polars as pl

from curate import schema as c
from curate.filters.exact_dedup import ExactDedup
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples


def kept(filters, **columns):
    rows = len(columns[c.SHA256])
    return decide(samples(rows, **columns), filters, {}).table.column(c.KEEP).to_pylist()


def test_one_image_of_equal_bytes_stays_with_all_its_texts():
    answer = kept([ExactDedup()], **{c.SHA256: ["x", "x", "x", "y", None, None], c.IMAGE_UID: list("aabcde")})
    assert answer == [True, True, False, True, True, True]


def test_the_winner_is_by_a_score_then_by_size_then_by_uid():
    columns = {c.SHA256: ["x"] * 3, c.ORIGINAL_WIDTH: [100, 300, 200]}
    assert kept([ExactDedup()], **columns) == [True, False, False]
    assert kept([ExactDedup(keep="largest")], **columns) == [False, True, False]
    assert kept([ExactDedup(keep="smallest")], **columns) == [True, False, False]
    scored = [ExactDedup(keep_by="score", keep="largest")]
    assert kept(scored, score=[0.5, 0.1, 0.9], **columns) == [False, False, True]
    assert kept(scored, score=[0.9, None, 0.9], **columns) == [False, False, True]
    assert kept(scored, score=[float("nan"), None, float("nan")], **columns) == [False, True, False]
    assert "score" in scored[0].reads() and c.SHA256 in scored[0].reads()


def test_a_score_counts_only_for_texts_that_are_in():
    columns = {c.SHA256: ["x"] * 3, c.IMAGE_UID: ["a", "a", "b"], "score": [0.9, 0.1, 0.5], "words": [0, 5, 5]}
    assert kept([Where(sql="words > 2"), ExactDedup(keep_by="score")], **columns) == [False, False, True]


def test_the_winner_is_a_survivor():
    columns = {c.SHA256: ["x"] * 3, "words": [0, 5, 5]}
    assert kept([Where(sql="words > 2"), ExactDedup()], **columns) == [False, True, False]


def test_law_the_order_of_rows_does_not_matter_and_a_second_pass_removes_nothing():
    rng = np.random.default_rng(0)
    frame = samples(300, **{c.SHA256: [str(v) for v in rng.integers(0, 60, 300)]})
    frame = frame.with_columns(pl.Series(c.ORIGINAL_WIDTH, rng.integers(1, 4, 300)))
    item = ExactDedup(keep="largest")

    def survivors(rows):
        return set(rows.filter(pl.Series(decide(rows, [item], {}).table.column(c.KEEP).to_pylist()))[c.UID])

    left = survivors(frame)
    assert len(left) == frame[c.SHA256].n_unique()
    assert survivors(frame.sample(fraction=1, shuffle=True, seed=1)) == left
    assert survivors(frame.filter(pl.col(c.UID).is_in(list(left)))) == left
