from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.corpus import alt_text_counts
from curate.corpus.alt_text_counts import AltTextCounts
from curate.corpus.ngram_hashes import string_keys
from curate.signals.text_stats import words


def frame(rows):
    columns = {c.CAPTION: pl.String, c.SHA256: pl.String, c.OUTCOME: pl.String}
    return pl.DataFrame(rows, schema=columns, orient="row")


def counts(shards, work=None):
    work = work or AltTextCounts()
    tables = work.merge(work.partial(shard) for shard in shards)
    return tables, [work.per_sample(tables, shard).to_pylist() for shard in shards]


def brute(rows):
    """The same in plain Python, with strings: what every n-gram was counted, and the columns of each row."""
    texts = pl.DataFrame({"t": [text for text, _, _ in rows]}, schema={"t": pl.String})
    lists = [found or [] for found in texts.select(words(pl.col("t")))["t"].to_list()]
    grams = [found + [f"{a} {b}" for a, b in pairwise(found)] for found in lists]
    seen = Counter(gram for some in grams for gram in some)
    rank, before = {0: 0}, 0
    for count, many in sorted(Counter(seen.values()).items(), reverse=True):
        rank[count], before = before + 1, before + many
    images, captions = defaultdict(set), defaultdict(set)
    for text, sha256, outcome in rows:
        if outcome == "ok" and text is not None and sha256 is not None:
            images[text].add(sha256)
            captions[sha256].add(text)
    answer = []
    for (text, sha256, outcome), found, some in zip(rows, lists, grams, strict=True):
        paired = outcome == "ok" and text is not None and sha256 is not None
        rarest = min((seen[gram] for gram in some), default=0)
        answer.append(
            {
                c.CAPTION_IMAGES: len(images[text]) if paired else None,
                c.IMAGE_CAPTIONS: len(captions[sha256]) if paired else None,
                c.RAREST_NGRAM_RANK: None if text is None else rank[rarest],
                c.RAREST_WORD_COUNT: None if text is None else min((seen[one] for one in found), default=0),
            }
        )
    return seen, answer


def test_images_are_distinct_contents_among_the_downloaded():
    rows = [
        ("a cat", "1", "ok"),
        ("a cat", "1", "ok"),
        ("a cat", "2", "ok"),
        ("a cat", None, "404"),
        ("dog", "1", "ok"),
    ]
    _, [found] = counts([frame(rows)])
    assert [r[c.CAPTION_IMAGES] for r in found] == [2, 2, 2, None, 1]
    assert [r[c.IMAGE_CAPTIONS] for r in found] == [2, 2, 1, None, 2]


def test_ngrams_of_one_count_share_a_rank_over_all_captions_asked_for():
    tables, [found] = counts(
        [frame([("red Cat", "1", "ok"), ("cat", None, "404"), ("", "2", "ok"), (None, "3", "ok")])]
    )
    assert tables["frequent"].rows() == [("cat", 2, 1), ("red", 1, 2), ("red cat", 1, 2)]
    assert tables["ranks"].rows() == [(2, 1, 1), (1, 2, 2)]
    assert tables["ngrams"]["key"].to_list() == string_keys(pl.Series(["cat"])).tolist()  # once is what is not there
    assert [r[c.RAREST_NGRAM_RANK] for r in found] == [2, 1, 0, None]
    assert [r[c.RAREST_WORD_COUNT] for r in found] == [1, 2, 0, None]


def test_a_bigram_is_of_one_caption_and_has_an_order():
    tables, _ = counts([frame([("b a", "1", "ok"), ("a b", "1", "ok"), ("a", "1", "ok"), ("b", "1", "ok")])])
    assert dict(tables["frequent"].select("ngram", "count").rows()) == {"a": 3, "b": 3, "a b": 1, "b a": 1}


captions = st.sampled_from(["a cat", "a dog on a mat", "dog", "", None, "two words", "Ünder a cat", "a a a a", "!!"])
row = st.tuples(captions, st.sampled_from(["1", "2", "3", None]), st.sampled_from(["ok", "dns"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=1, max_size=40), st.sampled_from([1, 3, 16]), st.randoms(), st.sampled_from([1, 7, 999]))
def test_law_shards_order_and_spilling_do_not_matter_and_the_counts_are_those_of_strings(rows, shards, random, buffer):
    whole, [answer] = counts([frame(rows)])
    seen, expected = brute(rows)
    assert answer == expected
    assert dict(whole["frequent"].select("ngram", "count").rows()) == dict(seen)
    places = list(range(len(rows)))
    random.shuffle(places)
    parts = [places[i::shards] for i in range(shards) if places[i::shards]]
    tables, answers = counts([frame([rows[p] for p in part]) for part in parts], AltTextCounts(buffer))
    assert whole.keys() == tables.keys() and all(whole[name].equals(tables[name]) for name in whole)
    for part, found in zip(parts, answers, strict=True):
        assert found == [answer[p] for p in part]


def test_the_frequent_are_cut_at_their_number_ties_by_key(monkeypatch):
    monkeypatch.setattr(alt_text_counts, "FREQUENT", 3)
    rows = [(text, "1", "ok") for text in ["x", "x", "x", "y", "y", "z", "z", "q", "q"]]
    (third,) = sorted(["y", "z", "q"], key=lambda text: string_keys(pl.Series([text]))[0])[2:]
    for buffer in (1, 999):
        tables, _ = counts([frame(rows)], AltTextCounts(buffer))
        assert set(tables["frequent"]["ngram"]) == {"x", "y", "z", "q"} - {third}


def test_no_captions_at_all():
    tables, [found] = counts([frame([(None, "1", "ok")])])
    assert all(table.is_empty() for table in tables.values())
    assert set(found[0].values()) == {None}


@pytest.mark.parametrize("shards", [1, 5])
def test_on_real_alt_texts_it_agrees_with_counting_strings(shared, shards):
    real = pl.read_parquet(shared / "web_captions_10k.parquet").head(3000)
    shas = np.random.default_rng(0).integers(0, 2500, len(real)).astype(str).tolist()
    rows = list(zip(real["caption"].to_list(), shas, ["ok"] * len(real), strict=True))
    _, expected = brute(rows)
    _, found = counts([frame(rows[i::shards]) for i in range(shards)])
    answers = [None] * len(rows)
    for i, some in enumerate(found):
        answers[i::shards] = some
    assert answers == expected
