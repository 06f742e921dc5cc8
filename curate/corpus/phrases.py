"""The phrases of each caption, and how many captions hold each: what LLaVA's subset is balanced by.

LLaVA (Liu et al. 2023, arXiv 2304.08485) takes a parser's noun phrases. No parser comes with this: give a signal's
column with lists of strings, or else a phrase is a candidate keyword of RAKE (Rose et al. 2010): a longest
run of words between stop words and punctuation, in lower case. That is no noun phrase ("dog runs" is one), but
needs no model, and gives most captions' subjects as they are written.

Table `phrases`: phrase, count; in how many captions of downloaded samples it is, by code points. Phrases of one
caption alone, most of all phrases, are left out: no balancing looks at them, and every shard reads this table.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.errors import InputError
from curate.files import file_sha256
from curate.signal_store import family_folder
from curate.signals.text_stats import WORD
from curate.uid import fingerprint

PHRASES = "phrases"
SHOWN = 20
LEAST = 2  # captions
ENGLISH = """
    a an the this that these those some any each every all both either neither no such same other another
    i me my mine we us our ours you your yours he him his she her hers it its they them their theirs who whom
    whose which what one ones someone something
    is am are was were be been being do does did doing done has have had having can could will would shall should
    may might must get gets got let lets
    and or but nor so yet if then than as because while when where why how though although until unless
    of in on at by for with without from to into onto out off over under above below between among through
    during before after about against across along around behind beside besides beyond down up near next
    inside outside toward towards upon via per amid like
    not only very too also just still again ever never here there now more most less least much many few
    it's i'm he's she's they're we're you're that's there's isn't aren't wasn't weren't don't doesn't didn't can't
    won't
"""
STOP_WORDS = frozenset(ENGLISH.split())
BREAK = "|"  # punctuation itself, so no word holds it


class Phrases(CorpusPass):
    version = 1
    of_texts = True

    def __init__(self, column: str | None = None, stop_words: str | None = None) -> None:
        """column      `FAMILY.COLUMN` of a signal with lists of strings; without it, RAKE's candidates
        stop_words  a file with one word per line, in place of the English ones. Raises InputError without it."""
        self.family, _, self.source = (column or "").partition(".")
        self.words_sha256 = file_sha256(stop_words, "one word per line") if stop_words else ""
        self.stop_words = _read_words(stop_words) if stop_words else STOP_WORDS
        mark = fingerprint(*self.identity())[:12] if column or stop_words else ""
        self.column = c.phrases(mark)
        self.name = self.column
        self.schema = c.places_schema(self.column)
        self.reads: dict[str, Sequence[str]] = {"pool": [c.CAPTION, c.OUTCOME]}
        if column:
            self.reads = {"pool": [c.OUTCOME], family_folder(self.family): [self.source]}

    def identity(self) -> tuple[object, ...]:
        return (self.family, self.source, self.words_sha256)

    def found(self, frame: pl.DataFrame) -> pl.Series:
        """The distinct phrases of each row, a list of strings; null where nothing is known."""
        if self.source:
            return frame[self.source].cast(pl.List(pl.String)).list.drop_nulls().list.unique()
        return frame.select(candidates(pl.col(c.CAPTION), self.stop_words))[c.CAPTION]

    def partial(self, frame: pl.DataFrame) -> Tables:
        downloaded = frame.filter(pl.col(c.OUTCOME) == c.Outcome.OK)
        flat = self.found(downloaded).explode().drop_nulls().alias(c.PHRASE).to_frame()
        return {PHRASES: flat.group_by(c.PHRASE).agg(pl.len().cast(pl.Int64).alias(c.COUNT)).sort(c.PHRASE)}

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        parts = [part[PHRASES] for part in partials]
        empty = pl.DataFrame(schema={c.PHRASE: pl.String, c.COUNT: pl.Int64})
        counts = pl.concat([empty, *parts]).group_by(c.PHRASE).agg(pl.col(c.COUNT).sum())
        return {PHRASES: counts.filter(pl.col(c.COUNT) >= LEAST).sort(c.PHRASE)}

    def shown(self, tables: Tables) -> Tables:
        common = tables[PHRASES].sort(c.COUNT, c.PHRASE, descending=[True, False])
        return {"phrases in most captions": common.head(SHOWN)}

    def per_sample(self, tables: Tables, frame: pl.DataFrame) -> pa.Table:
        """A phrase that is not in the table is in no row's list."""
        lists, row, place = self.found(frame), "row", "place"
        known = tables[PHRASES].select(c.PHRASE).with_row_index(place)
        flat = pl.DataFrame({c.PHRASE: lists}).with_row_index(row).explode(c.PHRASE).drop_nulls()
        pairs = flat.join(known, on=c.PHRASE).select(row, place).sort(row, place)
        offsets = np.searchsorted(pairs[row].to_numpy(), np.arange(len(lists) + 1)).astype(np.int32)
        missing = pa.array(lists.is_null().to_numpy()) if lists.null_count() else None
        places = pa.array(pairs[place].to_numpy().astype(np.int32))
        return pa.table([pa.ListArray.from_arrays(pa.array(offsets), places, mask=missing)], schema=self.schema)


def candidates(text: pl.Expr, stop_words: Iterable[str] = STOP_WORDS) -> pl.Expr:
    """RAKE's candidate keywords, distinct: a list of strings. What a word is: `curate.signals.text_stats`."""
    stops = pl.Series(sorted(stop_words), dtype=pl.String)
    token = pl.element()
    is_word = token.str.contains(r"^[\p{L}\p{M}\p{N}]") & ~token.is_in(stops.implode())
    tokens = text.str.to_lowercase().str.extract_all(rf"{WORD}|[^\s]")
    joined = tokens.list.eval(pl.when(is_word).then(token).otherwise(pl.lit(BREAK))).list.join(" ")
    runs = joined.str.extract_all(rf"[^ {BREAK}]+(?: [^ {BREAK}]+)*")
    return runs.list.unique()


def _read_words(path: str) -> frozenset[str]:
    try:
        return frozenset(Path(path).read_text(encoding="utf-8-sig").lower().split())
    except ValueError as error:
        raise InputError(f"{path}: not readable as UTF-8 ({error})", "one word per line") from error
