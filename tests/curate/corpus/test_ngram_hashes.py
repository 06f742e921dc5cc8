import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from curate.corpus.ngram_hashes import bigram_keys, looked_up, string_keys

MASK = 2**64 - 1


def mixed(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def key(text):
    """The same with Python's integers, byte by byte."""
    data = text.encode()
    blocks = [data[i : i + 8] for i in range(0, len(data), 8)] or [b""]
    golden = 0x9E3779B97F4A7C15
    total = sum(mixed((int.from_bytes(block, "little") + i * golden) & MASK) for i, block in enumerate(blocks))
    return mixed((total & MASK) ^ (len(data) * golden & MASK))


@given(st.lists(st.text(max_size=30), max_size=12), st.integers(0, 5))
def test_keys_are_those_of_each_text_alone(texts, skip):
    series = pl.Series(texts, dtype=pl.String)
    assert string_keys(series).tolist() == [key(text) for text in texts]
    assert string_keys(series[skip:]).tolist() == [key(text) for text in texts[skip:]]


def test_golden_the_keys_are_the_same_for_ever():
    assert string_keys(pl.Series(["", "cat", "a longer text, of 3 blocks"])).tolist() == [
        0, 14931000456309025372, 7529777862213646153]  # fmt: skip


def test_no_two_of_many_short_or_alike_texts_share_a_key():
    letters = [chr(i) for i in range(128)]
    texts = ["", *letters, *(a + b for a in letters for b in letters), *("a" * n for n in range(3, 200))]
    texts += ["12345678" + "a", "12345678" + "b", "a2345678" * 2, "\0" * 40, "abcdefgh12345678", "12345678abcdefgh"]
    assert len(np.unique(string_keys(pl.Series(texts)))) == len(texts)


def test_keys_are_even_in_every_byte():
    keys = string_keys(pl.Series([f"w{i}" for i in range(100_000)]))
    for byte in range(8):
        counts = np.bincount((keys >> np.uint64(8 * byte)).astype(np.uint8), minlength=256)
        assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 400  # chi square of 255 degrees


def test_the_order_of_a_bigram_counts():
    a, b = string_keys(pl.Series(["a", "b"]))[:, None]
    assert len({bigram_keys(x, y)[0] for x, y in [(a, b), (b, a), (a, a), (b, b)]} | {a[0], b[0]}) == 6


def test_looking_up():
    table, values = np.array([3, 5, 9], np.uint64), np.array([30, 50, 90], np.uint32)
    assert looked_up(np.array([9, 1, 5, 2**64 - 1], np.uint64), table, values, -1).tolist() == [90, -1, 50, -1]
    assert looked_up(np.array([9], np.uint64), table[:0], values[:0], 7).tolist() == [7]
