"""Which entries of a list of concepts each caption holds, and how many captions hold each.

How an entry matches: `curate.corpus.entry_matcher`. Counted is every downloaded sample with a caption, the
whole pool; a filter that comes after others counts again what they left.

Tables:
entries   entry, count: one row per entry of the file, in its order; in how many texts it is
totals    texts, matched, matches: one row; texts, texts with an entry, and pairs of text and entry
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.concept_coverage import (
    ENTRIES,
    MATCHED,
    MATCHES,
    TEXTS,
    TOTALS,
    coverage_table,
    entry_table,
)
from curate.corpus.entry_matcher import file_matcher
from curate.files import file_sha256
from curate.metadata.entries import HINT, read_entries

PLACE = "place"
PUBLISHED_CAPS = (20_000, 170_000)  # CLIP's and MetaCLIP's for 400 million, MetaCLIP's for 2.5 billion
SHOWN = 20


class ConceptMatches(CorpusPass):
    version = 1
    of_texts = True
    reads: Mapping[str, Sequence[str]] = {"pool": [c.CAPTION, c.OUTCOME]}

    def __init__(self, entries: str, unspaced: bool = False) -> None:
        """`entries`: a local file, see `curate.metadata.entries`. Raises InputError where there is none."""
        self.path, self.unspaced = entries, unspaced
        self.sha256 = file_sha256(entries, HINT)
        mark = self.sha256[:12] + ("_unspaced" if unspaced else "")
        self.name = f"concept_matches_{mark}"
        self.column = c.concepts(mark)
        self.schema = c.places_schema(self.column)

    def identity(self) -> tuple[object, ...]:
        return (self.sha256, self.unspaced)

    def matches(self, texts: pl.Series) -> pa.ListArray:
        """list<int32>: the sorted places in the file of the entries that each text holds."""
        return file_matcher(self.path, self.sha256, self.unspaced).match(texts)

    def partial(self, frame: pl.DataFrame) -> Tables:
        downloaded = frame.filter((pl.col(c.OUTCOME) == c.Outcome.OK) & pl.col(c.CAPTION).is_not_null())
        found = self.matches(downloaded[c.CAPTION])
        places = found.values.to_numpy()
        counts = pl.DataFrame({PLACE: places}).group_by(PLACE).agg(pl.len().cast(pl.Int64).alias(c.COUNT)).sort(PLACE)
        matched = int(np.count_nonzero(np.diff(found.offsets.to_numpy())))
        totals = {TEXTS: [len(downloaded)], MATCHED: [matched], MATCHES: [len(places)]}
        return {ENTRIES: counts, TOTALS: pl.DataFrame(totals)}

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        entries = read_entries(self.path, self.sha256)
        counts = np.zeros(len(entries), np.int64)
        totals = pl.DataFrame({TEXTS: [0], MATCHED: [0], MATCHES: [0]})
        for part in partials:
            counts[part[ENTRIES][PLACE].to_numpy()] += part[ENTRIES][c.COUNT].to_numpy()
            totals = totals + part[TOTALS]
        return {ENTRIES: pl.DataFrame({c.ENTRY: entries, c.COUNT: counts}), TOTALS: totals}

    def shown(self, tables: Tables) -> Tables:
        frequent = entry_table(tables, PUBLISHED_CAPS[0]).head(SHOWN)
        return {"entries in most texts": frequent, "coverage": coverage_table(tables, PUBLISHED_CAPS)}

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        return pa.table([self.matches(frame[c.CAPTION])], schema=self.schema)
