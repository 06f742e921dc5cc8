import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.filters.embedding_dedup import EmbeddingDedup, components
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples
from tests.curate.corpus.test_embedding_pairs import COLUMN, embedded, merged, turned
from tests.curate.corpus.test_neighbours import unit


def answer(vectors, *filters, **columns):
    """Kept rows; a vector of None is an image that could not be measured."""
    frame = samples(len(vectors), **columns)
    measured = [i for i, vector in enumerate(vectors) if vector is not None]
    uids = [frame[c.IMAGE_UID][i] for i in measured]
    rows = embedded(np.array([vectors[i] for i in measured]), uids)
    tables = {work.name: merged(work, rows) for item in filters for work in item.passes()}
    return decide(frame, filters, tables).table


def kept(table):
    return [i for i, keep in enumerate(table.column(c.KEEP).to_pylist()) if keep]


def dedup(threshold=0.6, **options):
    return EmbeddingDedup(model="dino", threshold=threshold, **options)


def test_golden_a8_components():
    # A, B, C at 0, 13, 26 degrees: components at .95 keep one.
    assert kept(answer(turned(0, 13, 26), dedup(0.95))) == [0]
    # cos .7, .7, -.02: one component of three at .6, three at .75.
    assert kept(answer(turned(0, 45.57, 91.14), dedup(0.6))) == [0]
    assert kept(answer(turned(0, 45.57, 91.14), dedup(0.75))) == [0, 1, 2]
    assert kept(answer(turned(0, 180), dedup(-0.9))) == [0, 1]  # opposite ones are never duplicates


def test_golden_a9_self_dedup_keeps_one_of_a_chain():
    item = EmbeddingDedup(model="dino")
    assert (item.threshold, item.k) == (0.6, 64)
    assert kept(answer(turned(0, 45.57, 91.14), item)) == [0]


def test_the_threshold_is_strict():
    assert kept(answer([[1, 0], [0.75, 0.5]], dedup(0.75))) == [0, 1]
    assert kept(answer([[1, 0], [0.75, 0.5]], dedup(0.7499))) == [0]


def test_the_winner_is_a_survivor_and_a_chain_does_not_run_through_what_is_gone():
    chain, rules = turned(0, 45, 90), [Where(sql="words > 2"), dedup()]
    assert kept(answer(chain, *rules, words=[5, 1, 5])) == [0, 2]
    assert kept(answer(chain, rules[0], dedup(of="pool"), words=[5, 1, 5])) == [0]
    assert kept(answer(chain, *rules, words=[1, 5, 5])) == [1]


@pytest.mark.parametrize(
    "options, best",
    [
        ({}, 0),
        ({"keep": "largest"}, 2),
        ({"keep": "smallest"}, 1),
        ({"keep_by": "score"}, 3),
        ({"keep_by": "empty"}, 0),
        ({"keep_by": "tied", "keep": "largest"}, 2),
    ],
)
def test_which_one_is_kept(options, best):
    width = {c.ORIGINAL_WIDTH: [400, 300, 900, 900]}
    columns = {"score": [1.0, None, 2.0, 3.0], "empty": [None, float("nan"), None, None], "tied": [0, 1, 1, 1]}
    assert kept(answer(turned(0, 1, 2, 3), dedup(**options), **width, **columns)) == [best]


def test_the_smallest_uid_wins_and_texts_of_one_image_stay_together():
    # Image z is named after its second row, but the smallest uid of its rows is the smallest of all.
    table = answer(turned(0, 0, 5, 90), dedup(), **{c.IMAGE_UID: ["z", "z", "b", "c"]})
    assert kept(table) == [0, 1, 3]


def test_an_unmeasured_image_is_dropped_as_such():
    table = answer([*turned(0, 90), None], dedup())
    assert kept(table) == [0, 1]
    assert table.column(c.REASON).to_pylist()[2] == "embedding_dedup.threshold:null"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.3, 0.8), st.floats(0.0, 0.19))
def test_golden_a8_raising_the_threshold_never_merges_and_order_does_not_matter(seed, low, more):
    vectors = unit(60, 6, seed)
    pairs = merged(dedup(low, k=None).passes()[0], embedded(vectors))["pairs"]
    everyone = np.ones(60, bool)
    wide, narrow = components(pairs, low, everyone), components(pairs, low + more, everyone)
    assert all(len(set(wide[narrow == group])) == 1 for group in set(narrow))
    shuffled = pairs.sample(fraction=1, shuffle=True, seed=seed)
    assert (components(shuffled, low, everyone) == wide).all()
    assert (wide[wide] == wide).all() and (wide <= np.arange(60)).all()  # named by its smallest


def test_golden_a8_a_second_pass_removes_nothing():
    vectors = unit(300, 24)
    first = kept(answer(vectors, dedup(0.6, k=None)))
    assert 1 < len(first) < 300
    assert len(kept(answer(vectors[first], dedup(0.6, k=None)))) == len(first)


def test_copies_beyond_k_are_one_group():
    vectors = np.concatenate([unit(1, seed=1).repeat(100, axis=0), unit(3, 24, seed=2)])
    table = answer(vectors, dedup(k=8))
    assert [i for i in kept(table) if i < 100] == [0]


def test_what_is_read():
    item = EmbeddingDedup(model="dino", keep_by="aesthetic", threshold=0.3)
    assert item.models() == {"dino"} and "aesthetic" in item.reads()
    assert item.passes()[0].floor == 0.3 and dedup(0.94).passes()[0].floor == 0.45
    assert item.passes()[0].reads == {"pool": [c.IMAGE_UID], f"signals/{COLUMN}": [COLUMN]}


def test_a_pool_without_images():
    item = dedup()
    work = item.passes()[0]
    tables = {work.name: merged(work, embedded(np.zeros((0, 4))))}
    assert (
        decide(samples(3), [item], tables).table.column(c.REASON).to_pylist() == ["embedding_dedup.threshold:null"] * 3
    )


def test_copies_are_above_any_threshold():
    vectors = unit(50, 24)
    assert kept(answer(np.concatenate([vectors, vectors]), dedup(0.99999))) == list(range(50))


@pytest.mark.parametrize("options", [{"keep_by": "score"}, {"keep": "largest"}, {"keep": "smallest"}])
def test_a_text_that_is_gone_does_not_speak_for_its_image(options):
    # Image z has two texts; the better one, of another size, went before.
    columns = {"score": [9.0, 1.0, 5.0], "words": [1, 5, 5], c.IMAGE_UID: ["z", "z", "b"]}
    sizes = {"largest": [900, 300, 500], "smallest": [100, 900, 500]}.get(options.get("keep"), [1, 1, 1])
    table = answer(turned(0, 0, 5), Where(sql="words > 2"), dedup(**options), **columns, **{c.ORIGINAL_WIDTH: sizes})
    assert kept(table) == [2]
