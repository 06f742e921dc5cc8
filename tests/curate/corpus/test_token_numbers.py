import numpy as np
import polars as pl

from curate.corpus.token_numbers import TokenNumbers


def naive(known, tokens):
    place = {token: i for i, token in enumerate(known)}
    return [place.get(token, len(known)) for token in tokens]


def test_law_the_same_as_a_dict():
    rng = np.random.default_rng(0)
    for size in (0, 1, 2, 15, 16, 17, 1000):
        known = list(dict.fromkeys(["", *(f"{i}é" * int(rng.integers(1, 9)) for i in range(size))][:size]))
        tokens = rng.permutation([*known, *known, *(f"{i} not" for i in range(size)), "", "x"]).tolist()
        found = TokenNumbers(pl.Series(known, dtype=pl.String)).of(pl.Series(tokens, dtype=pl.String))
        assert found.tolist() == naive(known, tokens) and found.dtype == np.uint32
    assert TokenNumbers(pl.Series(["a"])).of(pl.Series([], dtype=pl.String)).tolist() == []


class Crowded(pl.Series):
    """Strings whose hashes are but three, one of them the largest number."""

    def hash(self, *_):
        ends = [0, 7, 2**64 - 1]
        return pl.Series([ends[len(token) % 3] for token in self.to_list()], dtype=pl.UInt64)


def test_law_strings_of_one_hash_are_told_apart():
    known = ["", "a", "b", "aa", "bb", "cc", "aaa", "bbb", "zz"]
    tokens = [*known, "c", "dd", "ccc", "aaaa", "zz"]
    assert TokenNumbers(Crowded(known)).of(Crowded(tokens)).tolist() == naive(known, tokens)
