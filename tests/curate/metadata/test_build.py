import gzip
import json
import math
from collections import Counter

import numpy as np
import polars as pl
import pytest

from curate.corpus.concept_matches import ConceptMatches
from curate.errors import InputError
from curate.metadata.build import build_metadata, entries_table, possible
from curate.metadata.entries import parse_entries, read_entries
from curate.metadata.ngrams import bigrams, count_ngrams, unigrams
from curate.metadata.tally import Tally
from curate.metadata.text_blocks import text_blocks
from curate.metadata.titles import titles

TEXT = ["The red dog, red dog and a cat.", "New York is new", "", "it's the red dog", "3.5 half-open doors"]


def blocks(lines):
    return [pl.Series(lines, dtype=pl.String)]


def test_words_are_as_written_and_a_mark_parts_two_words(tmp_path):
    counts = count_ngrams(blocks(TEXT), tmp_path)
    words = dict(counts.words.rows())
    assert words["red"] == 3 and words["the"] == 1 and words["The"] == 1 and words["it's"] == 1
    assert words["3"] == words["5"] == 1 and words["half-open"] == 1 and counts.total == sum(words.values()) == 20
    pairs = {(a, b): n for frame in counts.pairs.counts() for a, b, n in frame.rows()}
    assert pairs["red", "dog"] == 3 and ("dog", "red") not in pairs and ("3", "5") not in pairs
    assert ("cat", "New") not in pairs  # not from one passage into the next


def test_unigrams_are_those_of_the_count_or_more(tmp_path):
    counts = count_ngrams(blocks(["b a b a c b"]), tmp_path)
    assert unigrams(counts, 2).rows() == [("b", 3), ("a", 2)]
    assert unigrams(counts, 3).rows() == [("b", 3)]


def test_pmi_is_that_of_raw_counts_in_bits(tmp_path):
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(["a", "b", "c", "d", "e"], 9)) for _ in range(50)]
    found = bigrams(count_ngrams(blocks(lines), tmp_path), min_pmi=-9)
    words = Counter(w for line in lines for w in line.split())
    pairs = Counter(p for line in lines for p in zip(line.split(), line.split()[1:], strict=False))
    total = sum(words.values())
    expected = {f"{a} {b}": math.log2(n * total / (words[a] * words[b])) for (a, b), n in pairs.items()}
    assert set(found["entry"]) == set(expected)
    assert all(abs(pmi - expected[entry]) < 1e-12 for entry, _, pmi in found.rows())
    assert found["pmi"].is_sorted(descending=True)
    once = bigrams(count_ngrams(blocks(["x y", "p q r s"]), tmp_path), min_pmi=math.log2(6))
    assert once["entry"].to_list() == ["p q", "q r", "r s", "x y"]  # 1 * 6 / (1 * 1): at the bound is in


@pytest.mark.parametrize("rows", [10, 60, 10_000])
def test_law_what_is_spilled_to_disk_counts_the_same(tmp_path, rows):
    rng = np.random.default_rng(1)
    lines = [" ".join(f"w{i}" for i in rng.zipf(1.5, 8)) for _ in range(200)]
    expected = count_ngrams(blocks(lines), tmp_path / "one")
    parts = [pl.Series(lines[i : i + 7]) for i in range(0, 200, 7)]
    found = count_ngrams(parts, tmp_path / "many", rows=rows)
    assert unigrams(found, 1).equals(unigrams(expected, 1))
    assert bigrams(found, -99).equals(bigrams(expected, -99))
    assert (found.pairs.spills > 0) == (rows < 100)


def test_a_tally_of_nothing_is_empty(tmp_path):
    (frame,) = Tally(["a"], tmp_path).counts()
    assert frame.is_empty() and frame.columns == ["a", "count"]


def test_blocks_cut_at_line_ends_whatever_their_size_and_compression(tmp_path):
    text = "first line\nzweite Zeile äö\n\nlast"
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(text.encode()))
    pl.DataFrame({"body": text.split("\n")}).write_parquet(tmp_path / "c.parquet")
    for block in (1, 5, 1000):
        for name in ("a.txt", "b.txt.gz", "c.parquet"):
            found = [line for part in text_blocks([str(tmp_path / name)], "body", block) for line in part]
            assert found == text.split("\n")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(text.encode() * 99)[:40])
    for name in ("none.txt", "cut.gz", "c.parquet"):
        with pytest.raises(InputError):
            list(text_blocks([str(tmp_path / name)], "no such column"))


def test_titles_are_those_with_views_in_a_file_and_over_all(tmp_path):
    (tmp_path / "one").write_text("en New_York 60 0\nen Rare 49 0\nen Twice 50 0\nde Berlin 99 0\nen A:b 99 0\nen x\n")
    (tmp_path / "two.gz").write_bytes(gzip.compress(b"en New_York 30 0\nen Rare 49 0\nen Twice 50 0\nen.m Y 99 0\n"))
    pl.DataFrame({"title": ["Table_top", "New York"], "views": [70, 50]}).write_parquet(tmp_path / "three.parquet")
    paths = [str(tmp_path / name) for name in ("one", "two.gz", "three.parquet")]
    assert titles(paths).rows() == [("New York", 110), ("Twice", 100), ("Table top", 70)]
    assert titles(paths, min_views=101)["entry"].to_list() == ["New York"]


def test_a_list_is_built_and_tells_where_each_entry_is_from(tmp_path):
    (tmp_path / "wordnet.txt").write_text("dog\nhot dog\n,\n7\n")
    (tmp_path / "corpus.txt").write_text("\n".join(["the dog barks"] * 3 + ["San Marino"]))
    (tmp_path / "views").write_text("en San_Marino 900 0\nen Zürich 80 0\n")
    out = str(tmp_path / "metadata.txt")
    record = build_metadata(
        out,
        [str(tmp_path / "wordnet.txt")],
        [str(tmp_path / "corpus.txt")],
        [str(tmp_path / "views")],
        min_count=3,
        min_pmi=3.4,
    )
    entries = read_entries(out)
    assert entries[100:] == ["dog", "hot dog", "barks", "the", "San Marino", "Zürich"] and entries[:2] == ["0", "1"]
    assert [told["new"] for told in record["sources"]] == [100, 2, 2, 1, 1]
    assert [told["found"] for told in record["sources"]] == [100, 3, 3, 1, 2]
    assert json.loads((tmp_path / "metadata.sources.json").read_text()) == record and record["entries"] == 106
    assert record["sources"][3]["lines"] == [105, 105] and record["sources"][3]["words"] == 11
    origin = dict(entries_table(out).rows())
    assert (origin["7"], origin["barks"], origin["San Marino"]) == ("numerals", "unigrams", "bigrams")
    assert ConceptMatches(out).matches(pl.Series(["my hot dog"])).to_pylist() == [[100, 101]]
    before = (tmp_path / "metadata.txt").read_bytes()
    build_metadata(out, [str(tmp_path / "wordnet.txt")])
    assert (tmp_path / "metadata.txt").read_bytes() == before[: before.index(b"barks")]


def test_marks_and_blank_lines_are_no_entries():
    assert [possible(entry) for entry in (",", "", " ", "a\tb", "!?", "C.", "é")] == [False] * 4 + [True] * 3


def test_files_of_entries():
    assert parse_entries(b"\xef\xbb\xbfa b\r\n\nA B\na b\n c ", "x.txt") == ["a b", "A B", " c "]
    assert parse_entries(b'["a", "b\\u00e9", "a", ""]', "metadata.json") == ["a", "bé"]
    for data, name in (
        (b"", "x.txt"),
        (b"\xff", "x.txt"),
        (b"[1]", "x.json"),
        (b'["\\ud800"]', "x.json"),
        (b"{", "x.json"),
    ):
        with pytest.raises(InputError):
            parse_entries(data, name)
