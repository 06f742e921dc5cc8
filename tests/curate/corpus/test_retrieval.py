import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus.retrieval import SET, ClusterRetrieval, SampleRetrieval
from tests.curate.corpus.test_embedding_pairs import embedded, law, merged, turned
from tests.curate.corpus.test_neighbours import brute, unit
from tests.curate.corpus.test_outside_similarity import items


def test_law_any_shards_and_any_order_by_sample():
    pool, queries = unit(150), unit(7, seed=3)
    tables = law(SampleRetrieval("dino", ["q.tar"], 5), embedded(pool), {SET: items(queries)})
    expected = brute(queries, pool, 5)[0]
    assert tables["neighbours"][c.IMAGE].to_numpy().reshape(7, 5).tolist() == expected.tolist()
    assert tables["neighbours"][c.RANK].to_list() == [0, 1, 2, 3, 4] * 7
    assert tables["search"]["recall"].to_list() == [1.0]


def test_law_any_shards_and_any_order_by_cluster():
    pool, queries = unit(150), unit(40, seed=3)
    tables = law(ClusterRetrieval("dino", ["q.tar"], 6, 10, 0), embedded(pool), {SET: items(queries)})
    clusters = tables["clusters"]
    assert clusters[c.HITS].sum() == 40 and clusters[c.IMAGES].sum() == 150 and len(clusters) == 6
    counted = tables["points"].group_by(c.CLUSTER).len().sort(c.CLUSTER)["len"].to_list()
    assert counted == clusters[c.IMAGES].to_list()


def test_counts_with_and_without_repetition_for_every_k():
    tables = merged(
        SampleRetrieval("dino", ["q.tar"], 3), embedded(turned(0, 20, 80, 100)), 1, {SET: items(turned(5, 6, 90))}
    )
    # The nearest: 0, 0, then 2 or 3; the second: 1, 1, then 3 or 2; the third: 2, 2, 1.
    assert tables["counts"].rows() == [(1, 3, 2), (2, 6, 4), (3, 9, 4)]


def test_fewer_images_than_asked_for_and_none():
    work = SampleRetrieval("dino", ["q.tar"], 3)
    tables = merged(work, embedded(turned(0, 9)), 1, {SET: items(turned(5))})
    assert tables["neighbours"][c.IMAGE].len() == 2 and tables["counts"].rows()[-1] == (3, 2, 2)
    nothing = embedded(np.zeros((0, 2)))
    assert len(merged(work, nothing, 1, {SET: items(turned(5))})["neighbours"]) == 0
    empty = merged(ClusterRetrieval("dino", ["q.tar"], 3, 5, 0), nothing, 1, {SET: items(turned(5))})
    assert len(empty["clusters"]) == 0 and empty["queries"][c.CLUSTER].to_list() == [-1]


def test_a_query_lies_in_the_cluster_of_the_images_that_look_like_it():
    pool, queries = turned(*range(0, 10), *range(90, 100)), turned(3, 4, 95)
    tables = merged(ClusterRetrieval("dino", ["q.tar"], 2, 10, 0), embedded(pool), 1, {SET: items(queries)})
    cluster = tables["points"][c.CLUSTER].to_list()
    assert tables["queries"][c.CLUSTER].to_list() == [cluster[0], cluster[0], cluster[-1]]
    assert tables["clusters"].filter(pl.col(c.CLUSTER) == cluster[0]).row(0) == (cluster[0], 10, 2)
