import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from curate.corpus import entry_matcher
from curate.corpus.entry_matcher import EntryMatcher, needs_no_space, normalise, pattern
from curate.corpus.sequence_trie import SequenceTrie

GOLDEN = ["cat", "cats", "a cat", "New York", "Paris, Texas", "hot dog", "dog", ",", "U.S."]


def held(entries, text, unspaced=False):
    (found,) = EntryMatcher(entries, unspaced).match(pl.Series([text])).to_pylist()
    return [entries[i] for i in found]


def naive(entries, text, unspaced=False):
    """A3 word for word."""
    text = f" {text} "
    for mark in ",.;:?!`":
        text = text.replace(mark, f" {mark} ")
    for blank in "\t\r\n":
        text = text.replace(blank, " ")
    return [i for i, entry in enumerate(entries) if pattern(entry, unspaced) in text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat, sitting", ["cat", "a cat", ","]),
        ("concatenate cats", ["cats"]),
        ("in new york", []),
        ("New  York", []),
        ("New York", ["New York"]),
        ("Paris, Texas", [","]),
        ("hot\tdog", ["hot dog", "dog"]),
        ("U.S. army", []),
        ("(cat)", []),
        ("the-cat", []),
        ("cat's", []),
        ("cat cat cat", ["cat"]),
        ("", []),
    ],
)
def test_golden_a3_matching(text, expected):
    assert held(GOLDEN, text) == expected
    assert [GOLDEN[i] for i in naive(GOLDEN, text)] == expected


def test_normalising_is_the_rule_of_the_paper():
    texts = pl.Series(["a,b", "x\r\ny", "", None, "`?!"])
    assert normalise(texts).to_list() == [" a , b ", " x  y ", "  ", None, "  `  ?  !  "]


def test_a_null_stays_null_and_an_empty_text_has_none():
    found = EntryMatcher(GOLDEN).match(pl.Series([None, "", "cat", None], dtype=pl.String))
    assert found.to_pylist() == [None, [], [0], None]
    assert EntryMatcher(GOLDEN).match(pl.Series([], dtype=pl.String)).to_pylist() == []
    assert EntryMatcher(GOLDEN).match(pl.Series([None, None])).to_pylist() == [None, None]


def test_metaclip_2_finds_entries_of_scripts_without_spaces_inside_a_run():
    entries = ["猫", "黑猫", "แมว", "cat猫", "cat"]
    assert held(entries, "一只黑猫在睡觉", unspaced=True) == ["猫", "黑猫"]
    assert held(entries, "ภาพแมวดำ", unspaced=True) == ["แมว"]
    assert held(entries, "my cat猫! concat猫", unspaced=True) == ["猫", "cat猫"]  # a space before `cat`, none after
    assert held(entries, "concat猫", unspaced=True) == ["猫"]
    assert held(entries, "一只黑猫在睡觉") == []
    assert not needs_no_space("カ") and not needs_no_space("한") and needs_no_space("，") and needs_no_space("#")


WORDS = [
    "cat",
    "cats",
    "a",
    "b",
    "New",
    "猫",
    "黑",
    "ก",
    "é",
    "😀",
    ",",
    ".",
    "!",
    " ",
    "  ",
    "\t",
    "\n",
    "(",
    "'s",
    "x",
]
text = st.lists(st.sampled_from(WORDS), max_size=12).map("".join)
spaced = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
texts = st.lists(st.one_of(text, spaced, st.text(max_size=8)), max_size=8)
entry = st.one_of(text, spaced, st.text(min_size=1, max_size=4)).filter(bool)


@settings(max_examples=400, deadline=None)
@given(st.lists(entry, min_size=1, max_size=12, unique=True), texts, st.booleans())
@example([" ", "  ", "   "], ["", " ", "  ", "   "], False)
@example(["\n", "a\nb"], ["a\nb", "\n"], True)
@example(["a b c", "b", "a b", "c d"], ["a b c d", "a b", "c  d"], False)
def test_law_the_same_as_looking_for_every_entry_in_every_text(entries, texts, unspaced):
    found = EntryMatcher(entries, unspaced).match(pl.Series(texts, dtype=pl.String)).to_pylist()
    assert found == [naive(entries, text, unspaced) for text in texts]


def test_law_chunks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    texts = pl.Series([" ".join(rng.choice(["hot", "dog", "cat", "New", "York"], 6)) for _ in range(50)])
    whole = EntryMatcher(GOLDEN).match(texts)
    monkeypatch.setattr(entry_matcher, "CHUNK", 7)
    assert EntryMatcher(GOLDEN).match(texts).equals(whole)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple), min_size=1, max_size=10, unique=True),
    st.lists(st.integers(0, 5), max_size=30),
)
def test_law_the_trie_finds_every_occurrence(sequences, text):
    lengths = np.array([len(s) for s in sequences], np.int64)
    trie = SequenceTrie(np.array([x for s in sequences for x in s], np.int64), lengths, alphabet=5)
    text = [*text, 5]
    found = [np.stack(pair) for pair in trie.occurrences(np.array(text, np.uint32))]
    expected = [(i, k) for i in range(len(text)) for k, s in enumerate(sequences) if tuple(text[i : i + len(s)]) == s]
    assert sorted(zip(*np.concatenate(found, axis=1).tolist(), strict=True)) == expected
