import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from curate import schema as c
from curate.errors import RecipeError
from curate.filters.concepts import Concepts
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples


@pytest.fixture
def entries(tmp_path):
    path = tmp_path / "metadata.txt"
    path.write_text("a\nb\ncat\ndog\nNew York\n")
    return str(path)


def framed(captions, item, **columns):
    """A frame with what the filter's pass says of each caption, and that pass's tables."""
    (work,) = item.passes()
    frame = samples(len(captions), **{c.CAPTION: pl.Series(captions, dtype=pl.String), **columns})
    tables = work.merge([work.partial(frame)])
    return frame.with_columns(pl.Series(pl.from_arrow(work.per_sample(tables, frame))[work.column])), {
        work.name: tables
    }


def answer(captions, item, before=(), **columns):
    frame, tables = framed(captions, item, **columns)
    return decide(frame, [*before, item], tables).table


def kept(*args, **columns):
    return answer(*args, **columns).column(c.KEEP).to_pylist()


def test_a_text_without_an_entry_is_dropped_and_a_null_is_unmeasured(entries):
    table = answer(["cat", "lion", None], Concepts(entries=entries))
    assert table.column(c.KEEP).to_pylist() == [True, False, False]
    assert table.column(c.REASON).to_pylist() == [None, "concepts.matched", "concepts.matched:null"]


def test_golden_a2_hard_cap(entries):
    captions = ["a"] * 45 + ["a b"] * 5
    item = Concepts(entries=entries, cap=20, mode="hard_cap")
    found = np.array(kept(captions, item))
    assert found[45:].all() and 20 <= found.sum() <= 25  # b gives its 5; a 20, some of which may be those 5
    alone = np.array(kept(["a"] * 50, item))
    assert alone.sum() == 20
    assert answer(captions, item).column(c.COPIES).to_pylist() == found.astype(int).tolist()  # each is stored once


def test_golden_a3_shares_of_two_thirds_and_five_ninths(entries):
    """60,000 and 40,000 texts at t = 20,000, all scaled by 1/10: both entries, and two of 60,000."""
    both, only_a, only_b = 2_000, 4_000, 2_000
    captions = ["a b"] * both + ["a"] * only_a + ["b"] * only_b
    found = np.array(kept(captions, Concepts(entries=entries, cap=2_000, seed=5)))
    for part, expected in ((found[:both], 2 / 3), (found[both : both + only_a], 1 / 3), (found[-only_b:], 1 / 2)):
        assert abs(part.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / len(part))
    twice = np.array(kept(["a b"] * 6_000, Concepts(entries=entries, cap=2_000, seed=5)))
    assert abs(twice.mean() - 5 / 9) < 4 * np.sqrt(20 / 81 / 6_000)


def test_golden_a3_an_entry_keeps_at_least_the_smaller_of_its_count_and_the_cap(entries):
    rng = np.random.default_rng(0)
    captions = [" ".join(rng.permutation(["a", "b", "cat"])[: rng.integers(1, 4)]) for _ in range(3_000)]
    captions += ["dog"] * 10 + ["dog a"] * 5
    means = np.zeros(len(captions))
    for seed in range(20):
        means += np.array(kept(captions, Concepts(entries=entries, cap=300, seed=seed))) / 20
    for entry in ("a", "b", "cat", "dog"):
        holds = np.array([entry in text.split() for text in captions])
        assert means[holds].sum() >= min(holds.sum(), 300) - 4 * np.sqrt(300 / 20)
        if entry == "dog":
            assert (means[holds] > 1 - 1e-9).all()


def test_counted_are_the_survivors_or_the_pool(entries):
    captions, words = ["cat"] * 40, [1] * 20 + [9] * 20
    short = Where(sql="words < 5")
    assert sum(kept(captions, Concepts(entries=entries, cap=20), [short], words=words)) == 20
    pool = sum(kept(captions, Concepts(entries=entries, cap=20, of="pool", seed=1), [short], words=words))
    assert 0 < pool < 20


def test_law_order_and_the_place_of_an_entry_do_not_matter(tmp_path, entries):
    rng = np.random.default_rng(1)
    captions = [" ".join(rng.choice(["a", "b", "cat", "dog", "x"], 2)) for _ in range(400)]
    turned = tmp_path / "turned.txt"
    turned.write_text("zebra\nNew York\ndog\ncat\nb\na\n")
    images = [f"i{i // 2}" for i in range(400)]
    languages = rng.choice(["en", "de"], 400).tolist()
    for options in ({}, {"mode": "hard_cap"}, {"one_text_per_image": True}, {"match_tail": "en"}):
        item = Concepts(entries=entries, cap=30, **options)
        frame, tables = framed(captions, item, **{c.IMAGE_UID: images, c.LANGUAGE: languages})
        first = decide(frame, [item], tables).table
        order = rng.permutation(400)
        again = decide(frame[order], [item], tables).table
        assert again.column(c.KEEP).to_pylist() == [first.column(c.KEEP)[i].as_py() for i in order]
        other = item.model_copy(update={"entries": str(turned)})
        frame, tables = framed(captions, other, **{c.IMAGE_UID: images, c.LANGUAGE: languages})
        assert decide(frame, [other], tables).table.column(c.KEEP).equals(first.column(c.KEEP))


def test_a_higher_cap_keeps_what_a_lower_one_kept(entries):
    captions = ["cat"] * 100 + ["cat dog"] * 100
    for mode in ("balance", "hard_cap"):
        low, high = (kept(captions, Concepts(entries=entries, cap=cap, mode=mode)) for cap in (20, 60))
        assert sum(low) < sum(high) and all(h for l, h in zip(low, high, strict=True) if l)  # noqa: E741


def test_one_text_per_image_as_in_metaclip_2(entries):
    captions = ["cat", "dog", "lion"] * 2_000
    images = [f"i{i // 3}" for i in range(6_000)]
    item = Concepts(entries=entries, cap=500, one_text_per_image=True)
    found = np.array(kept(captions, item, **{c.IMAGE_UID: images})).reshape(2_000, 3)
    assert found.sum(axis=1).max() == 1 and not found[:, 2].any()  # the text without an entry is not chosen
    share = 0.5 * 500 / 2_000  # chosen of two, then p = t / n where n counts all 2,000 texts and not the chosen
    for column in (0, 1):
        assert abs(found[:, column].mean() - share) < 4 * np.sqrt(share * (1 - share) / 2_000)
    images = [f"i{i // 2}" for i in range(40)]
    for of in ("survivors", "pool"):  # the cap bears on no one: of each image the one text with an entry is kept
        item = Concepts(entries=entries, one_text_per_image=True, of=of)
        assert kept(["cat", "lion"] * 20, item, **{c.IMAGE_UID: images}) == [True, False] * 20
        assert sum(kept(["cat", "dog"] * 20, item, **{c.IMAGE_UID: images})) == 20


def test_languages_are_counted_apart(entries):
    captions = ["cat"] * 300
    languages = ["en"] * 100 + ["de"] * 150 + ["fr"] * 49 + [None]
    item = Concepts(entries=entries, cap=50, mode="hard_cap", per_language={"de": 20})
    table = answer(captions, item, **{c.LANGUAGE: languages})
    found = np.array(table.column(c.KEEP).to_pylist())
    assert (found[:100].sum(), found[100:250].sum(), found[250:299].sum(), found[299]) == (50, 20, 49, False)
    assert table.column(c.REASON)[299].as_py() == "concepts.cap:null"


def test_another_languages_tail_has_the_same_share(entries):
    # English: cat 60, dog 30, a 10, of which 40 % are below the cap of 40. German: 30, 15, 5; its 40 % end at 15.
    captions = ["cat"] * 60 + ["dog"] * 30 + ["a"] * 10 + ["cat"] * 30 + ["dog"] * 15 + ["a"] * 5
    languages = ["en"] * 100 + ["de"] * 50
    item = Concepts(entries=entries, cap=40, mode="hard_cap", match_tail="en")
    found = np.array(kept(captions, item, **{c.LANGUAGE: languages}))
    assert [part.sum() for part in np.split(found, [60, 90, 100, 130, 145])] == [40, 30, 10, 15, 15, 5]
    with pytest.raises(RecipeError, match="no text in 'sv'"):
        kept(captions, Concepts(entries=entries, match_tail="sv"), **{c.LANGUAGE: languages})


@pytest.mark.parametrize(
    "options",
    [
        {"per_language": {"en": 5}, "match_tail": "en"},
        {"per_language": {"en": 0}},
        {"one_text_per_image": True, "mode": "hard_cap"},
        {"cap": 0},
    ],
)
def test_what_cannot_be_is_refused(entries, options):
    with pytest.raises(ValidationError):
        Concepts(entries=entries, **options)
