import numpy as np
import polars as pl
import pytest

from curate import schema as c
from curate.corpus.concept_coverage import cap_of_tail, coverage, entry_table, tail_share
from curate.corpus.concept_matches import ConceptMatches
from curate.errors import InputError

ENTRIES = ["cat", "dog", "hot dog", "zebra", "New York"]


@pytest.fixture
def work(tmp_path):
    path = tmp_path / "metadata.txt"
    path.write_text("\n".join(ENTRIES) + "\n")
    return ConceptMatches(str(path))


def frame(captions, outcomes=None):
    columns = {c.CAPTION: captions, c.OUTCOME: outcomes or ["ok"] * len(captions)}
    return pl.DataFrame(columns, schema={c.CAPTION: pl.String, c.OUTCOME: pl.String})


def test_counted_are_downloaded_texts_once_each_and_every_caption_is_matched(work):
    rows = frame(["cat cat", "a hot dog", "dog", None, "cat", "none"], ["ok", "ok", "ok", "ok", "404", "ok"])
    tables = work.merge([work.partial(rows)])
    assert tables["entries"].rows() == [("cat", 1), ("dog", 2), ("hot dog", 1), ("zebra", 0), ("New York", 0)]
    assert tables["totals"].rows() == [(4, 3, 4)]
    assert work.per_sample(tables, rows).column(work.column).to_pylist() == [[0], [1, 2], [1], None, [0], []]


@pytest.mark.parametrize("shards", [1, 3, 16])
def test_law_shards_and_order_do_not_matter(work, shards):
    rng = np.random.default_rng(shards)
    captions = [" ".join(rng.choice([*ENTRIES, "the"], 3)) for _ in range(80)]
    rows = frame(captions, rng.choice(["ok", "dns"], 80).tolist())
    whole = work.merge([work.partial(rows)])
    lists = work.per_sample(whole, rows).column(0).to_pylist()
    places = rng.permutation(80)
    parts = [places[i::shards] for i in range(shards)]
    tables = work.merge(iter([work.partial(rows[part]) for part in parts]))
    assert all(tables[name].equals(whole[name]) for name in whole)
    for part in parts:
        assert work.per_sample(tables, rows[part]).column(0).to_pylist() == [lists[p] for p in part]


def test_the_name_carries_the_file_and_how_it_is_matched(work, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("cat\n")
    names = {work.name, ConceptMatches(str(other)).name, ConceptMatches(work.path, unspaced=True).name}
    assert len(names) == 3 and all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in names)
    assert ConceptMatches(work.path).name == work.name and work.schema.names == [work.column]


def test_a_file_that_changes_meanwhile_is_an_error_and_so_is_none(work, tmp_path):
    with open(work.path, "a") as stream:
        stream.write("lion\n")
    with pytest.raises(InputError, match="is not the file"):
        work.partial(frame(["cat"]))
    with pytest.raises(InputError, match="cannot be read"):
        ConceptMatches(str(tmp_path / "none.txt"))


def test_coverage_says_what_is_above_the_cap_and_what_is_tail(work):
    rows = frame(["cat"] * 6 + ["dog cat"] * 2 + ["hot dog"] + ["nothing"])
    tables = work.merge([work.partial(rows)])
    found = coverage(tables, cap=3)
    assert (found.entries, found.unmatched, found.above, found.matches) == (5, 2, 1, 12)
    assert (found.texts, found.matched, found.matches_per_text) == (10, 9, 12 / 9)
    assert (found.above_share, found.tail_share) == (8 / 12, 1 / 12)  # dog is at the cap: neither
    table = entry_table(tables, cap=3)
    assert table[c.ENTRY].to_list() == ["cat", "dog", "hot dog", "New York", "zebra"]
    assert table["probability"].to_list() == [3 / 8, 1, 1, 1, 1]
    assert table["expected"].to_list() == [3, 3, 1, 0, 0]
    shown = work.shown(tables)
    assert shown["entries in most texts"][c.ENTRY][0] == "cat" and shown["coverage"]["above"].to_list() == [0, 0]
    assert coverage(work.merge([work.partial(frame([]))]), 3).matches_per_text == 0


def test_the_cap_of_a_tail_is_where_the_running_share_is_nearest():
    counts = np.array([0, 10, 20, 30, 40])
    assert tail_share(counts, 30) == 0.3 and tail_share(counts, 31) == 0.6
    assert [cap_of_tail(counts, share) for share in (0.0, 0.1, 0.3, 0.59, 1.0)] == [10, 10, 20, 30, 40]
    assert cap_of_tail(np.array([25, 25, 50]), 0.375) == 25 and cap_of_tail(np.zeros(3, int), 0.5) == 1
