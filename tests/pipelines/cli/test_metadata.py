"""`curate metadata`: a list of concepts from files of the user's own, and a table of what came from where."""

import gzip
import json
import math

import polars as pl
import pytest

from curate.metadata.build import entries_table
from curate.metadata.entries import read_entries
from tests.pipelines.cli.test_commands import curate, fails, ok


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts/a.txt").write_text("San Marino is old\n" * 60)
    (tmp_path / "texts/b.txt.gz").write_bytes(gzip.compress(b"the old dog\nthe dog\n" * 30))
    (tmp_path / "titles.tsv").write_text("title\tviews\nNew_York\t100\nRarely_read\t60\nTalk:Page\t900\nold\t80\n")
    (tmp_path / "list.txt").write_text("hot dog\ndog\n7\n")
    return tmp_path


def test_a_list_from_everything_and_where_each_entry_is_from(corpus):
    names = ("texts/*", "--titles", "titles.tsv", "--words", "list.txt", "--out", "m.txt", "--min-pmi", 2.3)
    found = json.loads(ok("metadata", *names, "--json", cwd=corpus))
    told = {source["source"]: (source["found"], source["new"]) for source in found["sources"]}
    # N = 390 words: San, Marino, is 60 times, old 90, the and dog 60; "San Marino" and the like have log2(6.5) bits
    assert math.log2(390 / 60) > 2.3 > math.log2(30 * 390 / (90 * 60))
    assert told == {
        "numerals": (100, 100),
        "word_list": (3, 2),
        "unigrams": (0, 0),
        "bigrams": (2, 2),
        "titles": (2, 2),
    }
    entries = read_entries(str(corpus / "m.txt"))
    assert entries[100:] == ["hot dog", "dog", "Marino is", "San Marino", "New York", "old"]
    assert (
        entries_table(str(corpus / "m.txt"))["source"].to_list()[100:]
        == ["word_list"] * 2 + ["bigrams"] * 2 + ["titles"] * 2
    )
    again = ok("metadata", *names, "--min-count", 60, cwd=corpus)  # a list of its own making is made anew
    assert "unigrams" in again and "60 times" in again and "a PMI of 2.3 bits" in again and "70 views" in again
    assert "word list list.txt" in again and "110 entries: m.txt" in again


def test_thresholds_are_the_papers_and_can_be_set(corpus):
    found = json.loads(ok("metadata", "texts/a.txt", "--titles", "titles.tsv", "--json", cwd=corpus))
    settings = {source["source"]: source for source in found["sources"]}
    assert settings["unigrams"]["min_count"] == 100 and settings["bigrams"]["min_pmi"] == 30
    assert settings["titles"]["min_views"] == 70 and found["out"] == "metadata.txt"
    found = json.loads(ok("metadata", "--titles", "titles.tsv", "--min-views", 100, "--json", cwd=corpus))
    assert found["entries"] == 101
    done = curate("metadata", "texts/a.txt", cwd=corpus)
    assert "a PMI of 30 bits: in a corpus of 240 words it is at most 7.9" in done.stderr and "--min-pmi" in done.stderr


def test_a_column_of_a_table_is_a_corpus(corpus):
    pl.DataFrame({"caption": ["red dog"] * 30, "views": [1] * 30}).write_parquet(corpus / "c.parquet")
    given = ("c.parquet", "--text-column", "caption", "--min-count", 30, "--json")
    assert json.loads(ok("metadata", *given, cwd=corpus))["entries"] == 102
    assert "no column 'text'" in fails(4, "metadata", "c.parquet", "--out", "other.txt", cwd=corpus)


def test_messages_name_the_place_and_the_next_command(corpus):
    said = fails(4, "metadata", cwd=corpus)
    assert "no text, titles or word list is named" in said and "curate metadata 'texts/*.txt'" in said
    said = fails(4, "metadata", "none/*.txt", cwd=corpus)
    assert "none/*.txt: there is no such file of text" in said and "curate metadata --help" in said
    said = fails(7, "metadata", "--words", "list.txt", "--out", "titles.tsv", cwd=corpus)
    assert "is there already" in said and "--out" in said
    assert "name it .txt" in fails(4, "metadata", "--words", "list.txt", "--out", "m.json", cwd=corpus)
    fails(2, "metadata", "--min-count", 0, cwd=corpus)
