import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.corpus.outside_similarity import PUBLISHED, OutsideSimilarity
from curate.errors import InputError
from tests.curate.corpus.test_embedding_pairs import COLUMN, embedded, law, merged, turned
from tests.curate.corpus.test_neighbours import unit


def items(vectors, names=None):
    names = [f"item{i:03d}" for i in range(len(vectors))] if names is None else names
    return embedded(vectors, names).rename({c.IMAGE_UID: c.ITEM})


def test_law_any_shards_and_any_order():
    tables = law(OutsideSimilarity("dino", "objects", ["x.tar"]), embedded(unit(200)), {"objects": items(unit(9))})
    # Nine of the pool are the items themselves.
    assert tables["images"][c.ITEM].to_list()[:9] == list(range(9))
    assert tables["counts"].filter(pl.col(c.COSINE) == 0.95).rows() == [(0.95, 9, 9)]


def test_the_items_order_does_not_matter_and_ties_go_to_the_first():
    given = items(turned(0, 0, 90), ["b", "a", "c"])
    work = OutsideSimilarity("dino", "objects", ["x.tar"])
    pool = embedded(turned(10, 350, 80), ["p", "o", "q"])
    one, two = (merged(work, pool, outside={"objects": table}) for table in (given, given.reverse()))
    assert all(one[name].equals(two[name]) for name in one)
    assert one["images"].select(c.IMAGE_UID, c.ITEM).rows() == [("o", 0), ("p", 0), ("q", 2)]
    # As far from both by geometry; which is nearer after rounding is the same for both copies.
    assert one["items"][c.IMAGE_UID].to_list() == ["o", "o", "q"]


def test_counts_are_of_every_limit():
    tables = merged(
        OutsideSimilarity("dino", "objects", ["x.tar"]),
        embedded(turned(0, 55, 130)),  # cosines with 0 degrees: 1, .574, -.643
        outside={"objects": items(turned(0, 250))},  # the second is 120 degrees from the third: -.5
    )
    counts = {row[0]: row[1:] for row in tables["counts"].rows()}
    assert counts[0.45] == (2, 1) and counts[0.604169] == (1, 1) and counts[0.0] == (2, 1)
    assert set(PUBLISHED) <= set(counts)
    cosines = tables["images"][c.COSINE].to_list()
    assert cosines == pytest.approx([1, 0.5736, -0.5], abs=1e-3)


def test_counts_are_strict():
    tables = merged(OutsideSimilarity("dino", "o", ["x"]), embedded([[0.5, 0.75]]), outside={"o": items([[1, 0]])})
    counts = {row[0]: row[1:] for row in tables["counts"].rows()}
    assert counts[0.5] == (0, 0) and counts[0.45] == (1, 1)


def test_an_empty_pool_and_an_empty_set():
    work = OutsideSimilarity("dino", "objects", ["x.tar"])
    tables = merged(work, embedded(np.zeros((0, 2))), outside={"objects": items(turned(0, 1))})
    assert tables["items"][c.IMAGE_UID].to_list() == [None, None] and len(tables["images"]) == 0
    with pytest.raises(InputError, match="holds no image"):
        merged(work, embedded(turned(0)), outside={"objects": items(np.zeros((0, 2)))})


def test_sets_of_one_name_at_different_places_are_two_passes():
    names = {OutsideSimilarity("dino", "objects", [place]).name for place in ("a.tar", "b.tar")}
    assert len(names) == 2 and all(name.startswith("outside_similarity_dino_objects_") for name in names)
    (one,) = OutsideSimilarity("dino", "objects", ["a.tar"]).outside()
    assert (one.name, one.places, one.column) == ("objects", ("a.tar",), COLUMN)


def test_nan_and_infinity_are_neither_images_nor_items():
    broken, whole = np.array([[1, 0], [np.nan, 0], [0, np.inf], [0, 1]]), np.array([[1, 0], [0, 1]])
    work = OutsideSimilarity("dino", "o", ["x"])
    names = ["a", "b", "c", "d"]
    one = merged(work, embedded(broken, names), outside={"o": items(broken, names)})
    two = merged(work, embedded(whole, ["a", "d"]), outside={"o": items(whole, ["a", "d"])})
    assert all(one[name].equals(two[name]) for name in two) and len(one["items"]) == 2
