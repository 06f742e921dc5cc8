import math

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.ask import ask
from curate.errors import RecipeError
from curate.filters.semdedup import SemDeDupFilter
from curate.filters.where import Where
from tests.curate.corpus.blobs import blobs, frame, run

SMALL = {"model": "m", "clusters": 5, "iterations": 10}


def whole(spread=0.35):
    vectors, which = blobs(250, spread=spread)
    vectors[200:230] = vectors[:30]
    return frame(vectors, which, extra=40).with_columns(row=pl.int_range(pl.len()))


def brute(item, table, alive):
    """Images that stay, by all cosines between those that are alive."""
    tables, _ = run(item.work, table)
    there = table.filter(alive).drop_nulls(c.embedding("m")).unique(c.IMAGE_UID)
    rows = there.join(tables["images"], on=c.IMAGE_UID).sort(c.CLUSTER, "position")
    vectors = rows[c.embedding("m")].to_numpy().astype(np.float64)
    near = np.minimum(vectors @ vectors.T, 1).astype(np.float32).astype(np.float64)
    near[(vectors[:, None] == vectors).all(axis=-1)] = 1
    near[rows[c.CLUSTER].to_numpy()[:, None] != rows[c.CLUSTER].to_numpy()] = 0
    most = np.maximum(np.tril(near, -1).max(axis=1), 0)
    return most, set(rows[c.IMAGE_UID].filter(pl.Series(most <= 1 - (item.epsilon or 0))))


def kept(table, answer):
    return set(table.filter(pl.Series(answer.keep))[c.IMAGE_UID])


def test_golden_a8_hard_first():
    """A, B, C at 0, 13, 26 degrees: the centroid is at B, so the order is A, C, B."""
    turned = [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in (0, 13, 26)]
    table = frame(np.array(turned, np.float16), [0, 1, 2])
    item = {"model": "m", "clusters": 1, "epsilon": 0.05}
    assert kept(table, ask(table, [SemDeDupFilter(**item)])) == {"i00000", "i00002"}
    assert kept(table, ask(table, [SemDeDupFilter(**item, order="easy")])) == {"i00001"}


@pytest.mark.parametrize("order", ["hard", "easy", "random"])
@pytest.mark.parametrize("epsilon", [0.02, 0.07, 0.3, 1.0])
@pytest.mark.parametrize("earlier", ["row >= 0", "row % 2 = 0", "row > 100"])
def test_among_survivors_it_is_as_if_there_were_no_others(earlier, epsilon, order):
    table, item = whole(), SemDeDupFilter(**SMALL, epsilon=epsilon, order=order)
    alive = table.select(pl.sql_expr(earlier)).to_series()
    answer = ask(table, [Where(sql=earlier), item])
    expected = brute(item, table, alive)[1]
    assert kept(table, answer) == expected and 0 < len(expected) < 250


def test_a_group_is_lost_with_of_pool_only():
    vectors = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]], np.float16)
    table = frame(vectors, [0, 0, 1]).with_columns(row=pl.int_range(pl.len()))
    first = Where(sql="row <> 0")
    for of, expected in (("survivors", {"i00001", "i00002"}), ("pool", {"i00002"})):
        item = SemDeDupFilter(model="m", clusters=2, epsilon=0.01, of=of)
        assert kept(table, ask(table, [first, item])) == expected


def test_the_unmeasured_is_null():
    answer = ask(whole(), [SemDeDupFilter(**SMALL, epsilon=0.05)])
    assert "semdedup.epsilon:null" in answer.table[c.REASON].to_pylist()


@pytest.mark.parametrize("of", ["pool", "survivors"])
@pytest.mark.parametrize("fraction", [1.0, 0.88, 0.61, 0.3])
def test_a_fraction_is_the_smallest_limit_that_keeps_so_many(of, fraction):
    table = whole()
    item = SemDeDupFilter(**SMALL, keep_fraction=fraction, of=of, floor=0.0)
    most, _ = brute(item, table, pl.Series([True] * len(table)))
    limit = np.sort(most)[math.ceil(fraction * len(most)) - 1]
    answer = ask(table, [item])
    assert len(kept(table, answer)) == (most <= limit).sum() >= fraction * len(most)
    assert (most < limit).sum() < fraction * len(most)


def test_a_fraction_below_what_is_stored_says_what_to_do():
    with pytest.raises(RecipeError, match="floor") as error:
        ask(whole(), [SemDeDupFilter(**SMALL, keep_fraction=0.1, floor=0.9)])
    assert "semdedup.floor=0.8" in error.value.hint


def test_a_smaller_epsilon_keeps_more_and_needs_no_other_pass():
    items = [SemDeDupFilter(**SMALL, epsilon=e) for e in (0.0, 0.01, 0.05, 0.1)]
    table = whole()
    sizes = [len(kept(table, ask(table, [item]))) for item in items]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]
    assert len({(item.work.name, item.work.identity()) for item in items}) == 1


def test_golden_a8_a_second_pass_over_the_same_clusters_removes_only_what_those_before_do():
    table, item = whole(), SemDeDupFilter(**SMALL, epsilon=0.1)
    once = kept(table, ask(table, [item]))
    alive = table[c.IMAGE_UID].is_in(list(once))
    assert brute(item, table, alive)[1] == once


@pytest.mark.parametrize("wrong", [{}, {"epsilon": 0.1, "keep_fraction": 0.5}, {"epsilon": 2}])
def test_epsilon_or_a_fraction(wrong):
    with pytest.raises(ValidationError):
        SemDeDupFilter(model="m", clusters=5, **wrong)


@pytest.mark.parametrize("of", ["pool", "survivors"])
def test_the_smallest_epsilon_takes_copies(of):
    vectors = blobs(100, spread=3.0, width=64)[0]
    table = frame(np.concatenate([vectors, vectors]), np.zeros(200, int))
    answer = ask(table, [SemDeDupFilter(model="m", clusters=3, epsilon=0.00001, of=of)])
    assert answer.kept == 100


@pytest.mark.parametrize("item", [{"epsilon": 0.1}, {"keep_fraction": 0.5}, {"epsilon": 0.1, "of": "pool"}])
def test_a_pool_without_embeddings_is_unmeasured(item):
    table = whole().with_columns(pl.lit(None, pl.Array(pl.Float16, 16)).alias(c.embedding("m")))
    answer = ask(table, [SemDeDupFilter(**SMALL, **item)])
    rule = next(name for name in item if name != "of")
    assert set(answer.table[c.REASON].to_pylist()) == {f"semdedup.{rule}:null"}
