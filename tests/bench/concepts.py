"""Captions against 500,000 entries as MetaCLIP matches them, beside one Aho-Corasick automaton; then the balancing.

`python -m tests.bench.concepts --large` shows growth: 1 million captions, and 10 million rows to balance.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from curate.corpus.entry_matcher import EntryMatcher
from curate.filters.memberships import (
    Memberships,
    bernoulli_limits,
    kept_rows,
    make_draws,
    smallest_limits,
    sure_rows,
)
from tests.bench.clock import rate

ENTRIES = 500_000
VOCABULARY = 300_000


def words() -> np.ndarray:
    """Distinct words, short ones first, as the frequent ones are in a language."""
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    rng = np.random.default_rng(0)
    lengths = np.clip(np.log2(np.arange(2, int(VOCABULARY * 1.3))) / 1.9, 2, None).astype(int)
    made = dict.fromkeys("".join(letters[rng.integers(0, 26, n)]) for n in lengths)
    return np.array(list(made)[:VOCABULARY], object)


def captions(rows: int, vocabulary: np.ndarray) -> pl.Series:
    """Words by Zipf's law, some with a comma after the first."""
    rng = np.random.default_rng(1)
    share = 1 / np.arange(1, len(vocabulary) + 1)
    lengths = rng.integers(4, 18, rows)
    flat = vocabulary[rng.choice(len(vocabulary), lengths.sum(), p=share / share.sum())]
    ends = np.cumsum(lengths)
    made = [" ".join(flat[end - n : end]) for n, end in zip(lengths, ends, strict=True)]
    return pl.Series([text.replace(" ", ", ", 1) if i % 3 == 0 else text for i, text in enumerate(made)])


def entries(vocabulary: np.ndarray) -> list[str]:
    """Half words, without the most frequent; half runs of two to four words out of captions."""
    rng = np.random.default_rng(2)
    found = dict.fromkeys(vocabulary[100 : 100 + ENTRIES // 2])
    for text in captions(400_000, vocabulary).str.replace_all(",", "").to_list():
        run = text.split(" ")
        start = int(rng.integers(0, len(run) - 1))
        found[" ".join(run[start : start + int(rng.integers(2, 5))])] = None
    return list(found)[:ENTRIES]


def automaton(listed: list[str]):
    import ahocorasick

    made = ahocorasick.Automaton()
    for place, entry in enumerate(listed):
        made.add_word(f" {entry} ", place)
    made.make_automaton()
    return made


def plain(made, texts: list[str]) -> list[list[int]]:
    """The loop that one would write."""
    answers = []
    for text in texts:
        text = f" {text} "
        for mark in ",.;:?!`":
            text = text.replace(mark, f" {mark} ")
        for blank in "\t\r\n":
            text = text.replace(blank, " ")
        answers.append(sorted({place for _, place in made.iter(text)}))
    return answers


def pool(rows: int) -> tuple[Memberships, pl.Series]:
    """Entries by a law with a heavy head, 3.5 a row, and uids."""
    rng = np.random.default_rng(3)
    lengths = rng.poisson(3.5, rows).astype(np.int64)
    held = np.minimum(rng.zipf(1.3, lengths.sum()), ENTRIES) - 1
    return Memberships(held.astype(np.int32), lengths), pl.select(
        pl.int_range(rows).cast(pl.String).str.zfill(32)
    ).to_series()


def balance(members: Memberships, uids: pl.Series, cap: int, hard: bool = False) -> np.ndarray:
    counts = members.counts(ENTRIES)
    head = counts > cap
    sure = sure_rows(members, ~head)
    open_ = (members.lengths > 0) if hard else (members.lengths > 0) & ~sure
    draws = make_draws(0, "bench", uids, open_, lambda places: pl.Series(places).cast(pl.String), head)
    limits = smallest_limits(members, counts, cap, draws) if hard else bernoulli_limits(counts, cap)
    return kept_rows(members, limits, draws, sure)


def one_by_one(members: Memberships, cap: int) -> int:
    """MetaCLIP's published way: a draw of NumPy's per text and entry, until one succeeds."""
    counts = members.counts(ENTRIES)
    share = cap / np.maximum(counts, cap)
    rng, kept, start = np.random.default_rng(0), 0, 0
    for length in members.lengths.tolist():
        for entry in members.entries[start : start + length]:
            if rng.random() < share[entry]:
                kept += 1
                break
        start += length
    return kept


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    vocabulary = words()
    listed = entries(vocabulary)
    matcher, texts = EntryMatcher(listed), captions(100_000, vocabulary)
    some = texts[:20_000].to_list()
    made = automaton(listed)
    assert matcher.match(texts[:20_000]).to_pylist() == plain(made, some)
    ours = rate(len(texts), lambda: matcher.match(texts))
    theirs = rate(len(some), lambda: plain(made, some))
    yield "captions against 500,000 entries", ours, "a loop with pyahocorasick", theirs, "captions/s"
    members, uids = pool(300_000)
    ours = rate(300_000, lambda: balance(members, uids, 600))
    theirs = rate(300_000, lambda: one_by_one(members, 600), runs=1)
    yield "rows balanced by their entries, keyed draws", ours, "a loop with NumPy's draws", theirs, "rows/s"


def growth() -> Iterator[str]:
    vocabulary = words()
    matcher, texts = EntryMatcher(entries(vocabulary)), captions(1_000_000, vocabulary)
    for rows in (10_000, 100_000, 1_000_000):
        yield f"{rows:,} captions: {rate(rows, lambda rows=rows: matcher.match(texts[:rows]), 1):,.0f}/s"
    for rows in (1_000_000, 10_000_000):
        members, uids = pool(rows)
        for hard in (False, True):
            began = time.perf_counter()
            kept = balance(members, uids, 20_000, hard).sum()
            taken = time.perf_counter() - began
            yield f"{rows:,} rows, {'hard cap' if hard else 'balance'}: {taken:.1f} s, {kept:,} kept"


if __name__ == "__main__":
    for line in growth() if "--large" in sys.argv else map(str, measure()):
        print(line, flush=True)
