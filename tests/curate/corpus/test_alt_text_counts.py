import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.corpus.alt_text_counts import AltTextCounts
from curate.subset import decide  # noqa: F401  (the counts are what its rules read)

WORK = AltTextCounts()


def frame(rows):
    columns = {c.CAPTION: pl.String, c.SHA256: pl.String, c.OUTCOME: pl.String}
    return pl.DataFrame(rows, schema=columns, orient="row")


def counts(shards):
    tables = WORK.merge([WORK.partial(shard) for shard in shards])
    return tables, [WORK.per_sample(tables, shard).to_pylist() for shard in shards]


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


def test_ranks_are_by_count_then_alphabet_over_all_captions_asked_for():
    tables, [found] = counts(
        [frame([("red Cat", "1", "ok"), ("cat", None, "404"), ("", "2", "ok"), (None, "3", "ok")])]
    )
    assert tables["ngrams"].rows() == [("cat", 2, 1), ("red", 1, 2), ("red cat", 1, 3)]
    assert [r[c.RAREST_NGRAM_RANK] for r in found] == [3, 1, 0, None]


captions = st.sampled_from(["a cat", "a dog on a mat", "dog", "", None, "two words"])
row = st.tuples(captions, st.sampled_from(["1", "2", "3"]), st.sampled_from(["ok", "dns"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(row, min_size=1, max_size=20), st.integers(1, 4), st.randoms())
def test_shards_and_order_do_not_matter(rows, shards, random):
    whole, [answer] = counts([frame(rows)])
    places = list(range(len(rows)))
    random.shuffle(places)
    parts = [places[i::shards] for i in range(shards) if places[i::shards]]
    tables, answers = counts([frame([rows[p] for p in part]) for part in parts])
    assert all(whole[name].equals(tables[name]) for name in whole)
    for part, found in zip(parts, answers, strict=True):
        assert found == [answer[p] for p in part]
