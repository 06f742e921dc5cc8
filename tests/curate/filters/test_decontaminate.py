import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.filters.decontaminate import Decontaminate
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples
from tests.curate.corpus.test_embedding_pairs import embedded, merged, turned
from tests.curate.corpus.test_outside_hashes import items as hash_items
from tests.curate.corpus.test_outside_hashes import pool as hash_pool
from tests.curate.corpus.test_outside_similarity import items

BASE = 0x0F0F_1234_5678_9ABC


def answer(filters, *, vectors=None, hashes=None, outside, **columns):
    """`outside`: set -> its vectors or hashes."""
    rows = len(vectors if vectors is not None else hashes)
    frame = samples(rows, **columns)
    if hashes is not None:
        frame = frame.with_columns(pl.Series(c.PHASH, hashes, dtype=pl.UInt64))
    tables = {}
    for work in (work for item in filters for work in item.passes()):
        hashed = any(c.PHASH in names for names in work.reads.values())
        if hashed:
            measured = hash_pool(hashes, frame[c.IMAGE_UID].to_list())
        else:
            known = [i for i, vector in enumerate(vectors) if vector is not None]
            measured = embedded(np.array([vectors[i] for i in known]), [frame[c.IMAGE_UID][i] for i in known])
        given = {one.name: (hash_items if hashed else items)(outside[one.name]) for one in work.outside()}
        tables[work.name] = merged(work, measured, 1, given)
    return decide(frame, filters, tables).table


def kept(table):
    return [i for i, keep in enumerate(table.column(c.KEEP).to_pylist()) if keep]


def by_model(**options):
    return Decontaminate(against={"objects": "x.tar"}, model="dino", **options)


# cos 60 degrees is .5: p touches the evaluation image at .5, q touches p at .5, and q the image at less than 0.
EVAL, P, Q, FAR = 0, 60, 120, 250


def test_golden_a9_a_whole_component_goes_at_045_and_survives_at_060():
    vectors, outside = turned(P, Q, FAR), {"objects": turned(EVAL)}
    item = by_model(rule="component")
    assert item.limit == 0.45
    assert kept(answer([item], vectors=vectors, outside=outside)) == [2]
    assert kept(answer([by_model(rule="component", threshold=0.6)], vectors=vectors, outside=outside)) == [0, 1, 2]
    assert kept(answer([by_model(threshold=0.45)], vectors=vectors, outside=outside)) == [1, 2]  # the image alone


def test_golden_a6_datacomp_drops_the_image_above_0604169():
    degrees = np.rad2deg(np.arccos([0.607, 0.601]))
    item = by_model()
    assert item.limit == 0.604169 and item.rule == "image"
    assert kept(answer([item], vectors=turned(*degrees), outside={"objects": turned(0)})) == [1]


def test_golden_a17_the_defaults_are_the_published_thresholds():
    assert {rule: by_model(rule=rule).limit for rule in ("image", "component")} == {
        "image": 0.604169,
        "component": 0.45,
    }
    assert by_model(rule="component").passes()[1].k == 64


def test_the_threshold_is_strict_and_the_distance_is_not():
    outside = {"objects": [[1.0, 0.0]]}
    assert kept(answer([by_model(threshold=0.5)], vectors=[[0.5, 0.75]], outside=outside)) == [0]
    assert kept(answer([by_model(threshold=0.499)], vectors=[[0.5, 0.75]], outside=outside)) == []
    item = Decontaminate(against=["x/objects.tar"], max_distance=4)
    hashes = [BASE ^ 0b1111, BASE ^ 0b1_1111]
    assert kept(answer([item], hashes=hashes, outside={"objects": [BASE]})) == [1]


def test_each_set_has_a_rule_of_its_own_and_a_row_in_the_funnel():
    item = Decontaminate(against={"one": ["a.tar"], "two": "b.tar"}, max_distance=2)
    table = answer(
        [item], hashes=[1023, 1 << 40 | 255, 0xABCDEF], outside={"one": [1023], "two": [1 << 40 | 255, 1023]}
    )
    assert table.column(c.REASON).to_pylist() == ["decontaminate.one", "decontaminate.two", None]
    assert table.column(c.FAILED).to_pylist() == [["decontaminate.one", "decontaminate.two"], ["decontaminate.two"], []]


def test_components_by_hash_and_what_survivors_means():
    hashes = [BASE, BASE ^ 0b1111, BASE ^ 0b1111_1111, BASE ^ (2**40 - 1)]
    item = Decontaminate(against=["x.tar"], max_distance=4, rule="component")
    outside = {"x": [BASE]}
    assert kept(answer([item], hashes=hashes, outside=outside)) == [3]
    image = Decontaminate(against=["x.tar"], max_distance=4)
    assert kept(answer([image], hashes=hashes, outside=outside)) == [2, 3]
    # The middle of the chain is gone before: only `of: pool` joins through it.
    words, first = [5, 1, 5, 5], Where(sql="words > 2")
    assert kept(answer([first, item], hashes=hashes, outside=outside, words=words)) == [2, 3]
    of_pool = Decontaminate(against=["x.tar"], max_distance=4, rule="component", of="pool")
    assert kept(answer([first, of_pool], hashes=hashes, outside=outside, words=words)) == [3]


def test_components_by_embedding_and_what_survivors_means():
    vectors, outside = turned(50, 100, 150, 250), {"objects": turned(0)}
    first, words = Where(sql="words > 2"), [5, 1, 5, 5]
    item, of_pool = by_model(rule="component", threshold=0.6), by_model(rule="component", threshold=0.6, of="pool")
    assert kept(answer([first, item], vectors=vectors, outside=outside, words=words)) == [2, 3]
    assert kept(answer([first, of_pool], vectors=vectors, outside=outside, words=words)) == [3]


def test_both_ways_at_once_and_the_unmeasured_is_not_clean():
    item = Decontaminate(against={"objects": "x.tar"}, max_distance=2, model="dino")
    hashes, vectors = [BASE, ~BASE % 2**64, None, ~BASE % 2**64, BASE], [*turned(90, 0, 90, 90), None]
    tables = {}
    frame = samples(5).with_columns(pl.Series(c.PHASH, hashes, dtype=pl.UInt64))
    hashed, similar = item.passes()
    tables[hashed.name] = merged(hashed, hash_pool(hashes), 1, {"objects": hash_items([BASE])})
    tables[similar.name] = merged(similar, embedded(np.array(vectors[:4])), 1, {"objects": items(turned(0))})
    table = decide(frame, [item], tables).table
    name = "decontaminate.objects"
    assert table.column(c.REASON).to_pylist() == [name, name, f"{name}:null", None, name]


def test_texts_of_one_image_go_together():
    uids = {c.IMAGE_UID: ["a", "a", "b"]}
    assert kept(answer([by_model()], vectors=turned(0, 0, 90), outside={"objects": turned(0)}, **uids)) == [2]


def test_names_of_sets():
    item = Decontaminate(against=["/data/eval/*.tar", "/data/flickr30k.tar", "/x/flickr30k.parquet"], max_distance=4)
    assert item.sets() == {
        "eval": ["/data/eval/*.tar"],
        "flickr30k": ["/data/flickr30k.tar", "/x/flickr30k.parquet"],
    }
    assert [rule.name for rule in item.rules()] == ["eval", "flickr30k"]
    (one, _) = (work.outside()[0] for work in item.passes())
    assert (one.name, one.places, one.column) == ("eval", ("/data/eval/*.tar",), c.PHASH)
    assert item.reads() >= {c.PHASH} and not item.models()


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "give max_distance"),
        ({"max_distance": 4, "threshold": 0.5}, "give the model"),
        ({"max_distance": 4, "against": []}, "at least one file"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        Decontaminate(**{"against": ["x.tar"], **options})
