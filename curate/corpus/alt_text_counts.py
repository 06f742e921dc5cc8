"""ALIGN's corpus counts (Jia et al. 2021, section 3): who shares an alt-text, who has many, how rare a text is.

caption_images      distinct images (sha256) among the downloaded that carry exactly this alt-text
image_captions      distinct alt-texts that this image carries; both null for what is no pair of text and image
rarest_ngram_rank   1 + the number of n-grams strictly more frequent than the text's rarest, of all uni- and bigrams
                    of all captions asked for: n-grams of one count share a rank, the best one. 0 without words.
rarest_word_count   how often those captions have the text's rarest word. 0 without words.

The tables hold 64-bit keys in place of strings (`ngram_hashes`) and only what was counted more than once: what a
table lacks was counted once. The merge spills to temporary files, so its memory does not grow with the pool; what
grows is the table of n-grams, by 12 bytes for each that occurs twice (about 0.3 GB for 10 million captions), and
a worker holds it once. `frequent` has the 10,000 most frequent n-grams as strings, ties at its edge by key.
"""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.ngram_hashes import Tokens, bigram_keys, looked_up, string_keys
from curate.corpus.spill import BUFFER, Spill, runs

KEY, COUNT, RANK, NGRAM, WORD = "key", "count", "rank", "ngram", "word"
FIRST, SECOND, OTHER = "first", "second", "other"
FREQUENT = 10_000
SHOWN = 20
ENTRY = np.dtype([(KEY, "u8"), (FIRST, "u8"), (SECOND, "u8"), (COUNT, "i8")])  # second is 0 for a word
PAIR = np.dtype([(KEY, "u8"), (OTHER, "u8")])
WORDS_HELD = 1_000_000  # spelled words that are held before they are written


class AltTextCounts(CorpusPass):
    name = "alt_text_counts"
    version = 3
    reads: dict[str, Sequence[str]] = {"pool": [c.CAPTION, c.SHA256, c.OUTCOME]}  # noqa: RUF012
    schema = c.ALT_TEXT_COUNTS
    of_texts = True
    counts_texts = True

    def __init__(self, buffer: int = BUFFER) -> None:
        self._buffer = buffer  # rows that the merge holds before it spills; bears on no number

    def partial(self, frame: pl.DataFrame) -> Tables:
        """words: word, key, count. bigrams: places of both words there, count. pairs: keys of text and image."""
        tokens = Tokens.of(frame[c.CAPTION])
        first, second, which, _ = tokens.bigrams()
        counts = np.bincount(which, minlength=len(first))
        downloaded = frame.filter(_paired())
        pairs = _unique(_pairs(string_keys(downloaded[c.CAPTION]), string_keys(downloaded[c.SHA256])))
        spelled = {WORD: tokens.words, KEY: tokens.keys, COUNT: np.bincount(tokens.code, minlength=len(tokens.words))}
        return {
            "words": pl.DataFrame(spelled, schema_overrides={COUNT: pl.Int64}),
            "bigrams": pl.DataFrame({FIRST: first, SECOND: second, COUNT: counts}).cast(pl.UInt32),
            "pairs": pl.DataFrame({name: pairs[name] for name in (KEY, OTHER)}),
        }

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        """captions, images, ngrams: key and count above 1, by key. ranks: the rank of a count. frequent: strings."""
        with (
            Spill(ENTRY, buffer=self._buffer) as ngrams,
            Spill(PAIR, buffer=self._buffer) as by_caption,
            Spill(PAIR, buffer=self._buffer) as by_image,
            tempfile.TemporaryDirectory(prefix="curate-words-") as folder,
        ):
            spelled = _Spelled(Path(folder))
            for partial in partials:
                spelled.add(partial["words"])
                ngrams.add(_entries(partial))
                captions, images = (partial["pairs"][name].to_numpy() for name in (KEY, OTHER))
                by_caption.add(_pairs(captions, images))
                by_image.add(_pairs(images, captions))
            tables = {"captions": _distinct(by_caption), "images": _distinct(by_image)}
            return tables | _ranked(ngrams, spelled)

    def shown(self, tables: Tables) -> Tables:
        return {"most frequent words and pairs of words": tables["frequent"].head(SHOWN)}

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        texts = frame[c.CAPTION]
        word_count, ngram_count = _rarest(tables["ngrams"], texts)
        counts = tables["ranks"].sort(COUNT)
        rank = looked_up(ngram_count, counts[COUNT].to_numpy(), counts[RANK].to_numpy(), 0)
        known = texts.is_not_null().to_numpy()
        paired = frame.select(paired=_paired())["paired"].to_numpy()
        pairs = frame.filter(paired)
        shared, several = np.zeros(len(frame), np.int64), np.zeros(len(frame), np.int64)
        shared[paired] = _stored(tables["captions"], string_keys(pairs[c.CAPTION]))
        several[paired] = _stored(tables["images"], string_keys(pairs[c.SHA256]))
        columns = [(shared, paired), (several, paired), (rank, known), (word_count, known)]
        return pa.table([pa.array(value, pa.int64(), mask=~mask) for value, mask in columns], schema=c.ALT_TEXT_COUNTS)


def _paired() -> pl.Expr:
    both = pl.col(c.CAPTION).is_not_null() & pl.col(c.SHA256).is_not_null()
    return (both & (pl.col(c.OUTCOME) == c.Outcome.OK)).fill_null(False)


def _pairs(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    pairs = np.zeros(len(keys), PAIR)
    pairs[KEY], pairs[OTHER] = keys, others
    return pairs


def _unique(pairs: np.ndarray) -> np.ndarray:
    """The distinct pairs, sorted by key and other."""
    pairs = pairs[np.lexsort((pairs[OTHER], pairs[KEY]))]
    same = (pairs[KEY][1:] == pairs[KEY][:-1]) & (pairs[OTHER][1:] == pairs[OTHER][:-1])
    return pairs[np.concatenate([np.ones(min(1, len(pairs)), bool), ~same])]


def _entries(partial: Tables) -> np.ndarray:
    """A shard's words and bigrams with their keys and counts."""
    words, bigrams = partial["words"], partial["bigrams"]
    entries = np.zeros(len(words) + len(bigrams), ENTRY)
    singles, doubles = entries[: len(words)], entries[len(words) :]
    keys = words[KEY].to_numpy()
    singles[KEY], singles[FIRST], singles[COUNT] = keys, keys, words[COUNT].to_numpy()
    doubles[FIRST], doubles[SECOND] = keys[bigrams[FIRST].to_numpy()], keys[bigrams[SECOND].to_numpy()]
    doubles[KEY], doubles[COUNT] = bigram_keys(doubles[FIRST], doubles[SECOND]), bigrams[COUNT].to_numpy()
    return entries


def _distinct(spill: Spill) -> pl.DataFrame:
    """key, count: the distinct others of a key, where there are several."""
    keys, counts = [], []
    for rows in spill.partitions():
        pairs = _unique(rows)
        starts = runs(pairs[KEY])
        count = np.diff(np.append(starts, len(pairs)))
        several = count > 1
        keys.append(pairs[KEY][starts][several])
        counts.append(count[several])
    return _table(keys, counts)


def _ranked(spill: Spill, spelled: "_Spelled") -> Tables:
    keys, counts = [], []
    histogram = pl.DataFrame(schema={COUNT: pl.Int64, "ngrams": pl.Int64})
    best = np.zeros(0, ENTRY)
    for rows in spill.partitions():
        starts = runs(rows[KEY])
        summed = rows[starts]
        summed[COUNT] = np.add.reduceat(rows[COUNT], starts)
        several = summed[COUNT] > 1
        keys.append(summed[KEY][several])
        counts.append(summed[COUNT][several])
        value, many = np.unique(summed[COUNT], return_counts=True)
        histogram = pl.concat([histogram, pl.DataFrame({COUNT: value, "ngrams": many.astype(np.int64)})])
        histogram = histogram.group_by(COUNT).agg(pl.col("ngrams").sum())
        best = _best(np.concatenate([best, summed]))
    before = pl.col("ngrams").cum_sum() - pl.col("ngrams") + 1
    ranks = histogram.sort(COUNT, descending=True).select(COUNT, before.alias(RANK), "ngrams")
    frequent = spelled.ngrams(best).join(ranks.select(COUNT, RANK), on=COUNT).sort(RANK, NGRAM)
    return {"ngrams": _table(keys, counts), "ranks": ranks, "frequent": frequent.select(NGRAM, COUNT, RANK)}


def _best(entries: np.ndarray) -> np.ndarray:
    """The most frequent, ties by key."""
    if len(entries) > FREQUENT:
        entries = entries[entries[COUNT] >= np.partition(entries[COUNT], -FREQUENT)[-FREQUENT]]
    return entries[np.lexsort((entries[KEY], -entries[COUNT]))][:FREQUENT]


def _table(keys: list[np.ndarray], counts: list[np.ndarray]) -> pl.DataFrame:
    """key, count, sorted by key. Counts are 32 bits: an n-gram of 10 billion captions is cut at 4 billion."""
    count = np.concatenate([np.zeros(0, np.int64), *counts])
    key = np.concatenate([np.zeros(0, np.uint64), *keys])
    return pl.DataFrame({KEY: key, COUNT: np.minimum(count, 2**32 - 1).astype(np.uint32)})


def _stored(table: pl.DataFrame, keys: np.ndarray) -> np.ndarray:
    """The count of each key; a table holds what was counted more than once."""
    return looked_up(keys, table[KEY].to_numpy(), table[COUNT].to_numpy(), 1)


def _rarest(table: pl.DataFrame, texts: pl.Series) -> tuple[np.ndarray, np.ndarray]:
    """For each text the corpus count of its rarest word, and of its rarest uni- or bigram; 0 without words."""
    tokens = Tokens.of(texts)
    first, second, which, row = tokens.bigrams()
    doubles = bigram_keys(tokens.keys[first], tokens.keys[second])
    found = _stored(table, np.concatenate([tokens.keys, doubles]))
    word = np.full(len(texts), np.iinfo(np.int64).max)
    np.minimum.at(word, tokens.row, found[: len(tokens.keys)][tokens.code])
    ngram = word.copy()
    np.minimum.at(ngram, row, found[len(tokens.keys) :][which])
    wordless = word == np.iinfo(np.int64).max
    return np.where(wordless, 0, word), np.where(wordless, 0, ngram)


class _Spelled:
    """How the words of all shards are spelled, on disk; asked for the few of the most frequent n-grams."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._held, self._rows, self._files = folder, list[pl.DataFrame](), 0, 0

    def add(self, words: pl.DataFrame) -> None:
        self._held.append(words.select(KEY, WORD))
        self._rows += len(words)
        if self._rows >= WORDS_HELD:
            self._write()

    def _write(self) -> None:
        if self._held:
            pl.concat(self._held).unique().write_parquet(self._folder / f"{self._files}.parquet")
            self._held, self._rows, self._files = [], 0, self._files + 1

    def ngrams(self, entries: np.ndarray) -> pl.DataFrame:
        """ngram, count of the entries."""
        self._write()
        wanted = pl.Series(np.unique(np.concatenate([entries[FIRST], entries[SECOND]])), dtype=pl.UInt64)
        found = pl.DataFrame(schema={KEY: pl.UInt64, WORD: pl.String})
        for number in range(self._files):
            some = pl.scan_parquet(self._folder / f"{number}.parquet").filter(pl.col(KEY).is_in(wanted.implode()))
            found = pl.concat([found, some.collect()]).unique(KEY)
        asked = pl.DataFrame({name: entries[name] for name in (FIRST, SECOND, COUNT)})
        both = asked.join(found, left_on=FIRST, right_on=KEY).join(
            found, left_on=SECOND, right_on=KEY, how="left", suffix="_2"
        )
        spelled = pl.concat_str(WORD, f"{WORD}_2", separator=" ", ignore_nulls=True)
        return both.select(spelled.alias(NGRAM), COUNT)
