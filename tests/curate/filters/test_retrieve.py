import numpy as np
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.corpus.retrieval import SET
from curate.filters.retrieve import Retrieve
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples
from tests.curate.corpus.test_embedding_pairs import embedded, merged, turned
from tests.curate.corpus.test_neighbours import brute, unit
from tests.curate.corpus.test_outside_similarity import items


def tables_of(item, vectors, queries, uids=None):
    (work,) = item.passes()
    return {work.name: merged(work, embedded(vectors, uids), 1, {SET: items(queries)})}


def answer(vectors, queries, *filters, **columns):
    frame = samples(len(vectors), **columns)
    return decide(frame, filters, tables_of(filters[-1], vectors, queries, frame[c.IMAGE_UID].to_list())).table


def copies(table):
    return table.column(c.COPIES).to_pylist()


def sample(k, **options):
    return Retrieve(model="dino", queries="q.tar", k=k, **options)


def cluster(clusters, **options):
    return Retrieve(model="dino", queries=["q.tar"], mode="cluster", clusters=clusters, **options)


def test_golden_a9_k_per_query_with_and_without_repetition():
    pool, queries = unit(400, 32), unit(50, 32, seed=1)
    nearest = brute(queries, pool, 4)[0]
    hits = np.bincount(nearest.reshape(-1), minlength=400)
    assert copies(answer(pool, queries, sample(4, repetition=True))) == hits.tolist()
    assert hits.sum() == 4 * 50  # as Table 15 counts: 4 x 14,197,086 = 56,788,344
    assert copies(answer(pool, queries, sample(4))) == (hits > 0).astype(int).tolist()
    (stored,) = tables_of(sample(4), pool, queries).values()
    found = sample(4).retrieved(samples(400)[c.IMAGE_UID], stored)
    assert (found.with_repetition, found.distinct, found.short) == (200, int((hits > 0).sum()), 0)
    assert stored["counts"].row(3) == (4, 200, found.distinct)


def test_golden_a9_a_cluster_with_3_hits_gives_nothing_one_with_4_what_it_has():
    # Three clumps of 30, 20 and 10 images, hit by 3, 4 and 5 queries.
    pool = np.concatenate([turned(*(at + np.arange(n) / 10)) for at, n in ((0, 30), (90, 20), (180, 10))])
    queries = np.concatenate([turned(*(at + np.arange(n) / 10)) for at, n in ((0, 3), (90, 4), (180, 5))])
    item = cluster(3)
    assert (item.min_hits, item.per_cluster, item.cap) == (4, 10_000, 1_000_000)
    assert copies(answer(pool, queries, item)) == [0] * 30 + [1] * 30
    limited = copies(answer(pool, queries, cluster(3, per_cluster=15)))
    assert (sum(limited[:30]), sum(limited[30:50]), sum(limited[50:])) == (0, 15, 10)
    capped = copies(answer(pool, queries, cluster(3, per_cluster=15, cap=12)))
    assert sum(capped) == 12 and all(a <= b for a, b in zip(capped, limited, strict=True))
    assert copies(answer(pool, queries, cluster(3, per_cluster=15, seed=5))) != limited
    assert copies(answer(pool, queries, cluster(3, min_hits=3))) == [1] * 60


def test_the_next_nearest_survivor_comes_in_the_place_of_a_dropped_one():
    pool, queries = turned(*range(0, 40)), turned(0, 39)
    words = [1 if i % 2 == 0 else 5 for i in range(40)]
    rules = Where(sql="words > 2"), sample(3)
    kept = [i for i, n in enumerate(copies(answer(pool, queries, *rules, words=words))) if n]
    assert kept == [1, 3, 5, 35, 37, 39]
    of_pool = Where(sql="words > 2"), sample(3, of="pool")
    kept = [i for i, n in enumerate(copies(answer(pool, queries, *of_pool, words=words))) if n]
    assert kept == [1, 37, 39]


def test_a_list_that_runs_out_is_counted():
    pool, queries = turned(*range(0, 40)), turned(0, 39)
    item = sample(4, depth=4)
    (stored,) = tables_of(item, pool, queries).values()
    frame = samples(40)
    found = item.retrieved(frame[c.IMAGE_UID][14:], stored)  # of the 16 nearest of the first query two are left
    assert (found.with_repetition, found.distinct, found.short) == (6, 6, 1)
    assert found.times[c.IMAGE_UID].to_list() == frame[c.IMAGE_UID][14:16].to_list() + frame[c.IMAGE_UID][36:].to_list()


def test_clusters_are_drawn_among_the_survivors():
    pool, queries = turned(*(np.arange(40) / 10)), turned(0, 1, 2, 3)
    words = [1] * 30 + [5] * 10
    assert (
        copies(answer(pool, queries, Where(sql="words > 2"), cluster(1, per_cluster=8), words=words))[:30] == [0] * 30
    )
    assert sum(copies(answer(pool, queries, Where(sql="words > 2"), cluster(1, per_cluster=8), words=words))) == 8


def test_texts_of_one_image_stay_together_and_the_unmeasured_goes_as_such():
    frame = samples(4, **{c.IMAGE_UID: ["a", "a", "b", "x"]})
    item = sample(1, repetition=True)
    tables = tables_of(item, turned(0, 90), turned(1, 2), ["a", "b"])
    table = decide(frame, [item], tables).table
    assert copies(table) == [2, 2, 0, 0]
    assert table.column(c.REASON).to_pylist() == [None, None, "retrieve.sample", "retrieve.sample:null"]


def test_the_draws_are_of_the_image_alone():
    pool, queries = turned(*(np.arange(60) / 10)), turned(0, 1, 2, 3)
    uids = [f"{i:032x}" for i in np.random.default_rng(0).permutation(60)]
    one = answer(pool, queries, cluster(1, per_cluster=20), **{c.IMAGE_UID: uids, c.UID: uids})
    two = answer(pool[::-1], queries, cluster(1, per_cluster=20), **{c.IMAGE_UID: uids[::-1], c.UID: uids[::-1]})
    assert copies(one) == copies(two)[::-1] and sum(copies(one)) == 20


def test_what_is_stored_and_what_is_refused():
    assert [sample(k, depth=4).passes()[0].reach for k in (1, 4, 32)] == [16, 16, 128]
    assert sample(4).models() == {"dino"} and sample(4).paths == ("queries",)
    assert sample(1).passes()[0].name != Retrieve(model="dino", queries="other.tar").passes()[0].name
    with pytest.raises(ValidationError, match="drawn once"):
        cluster(3, repetition=True)
