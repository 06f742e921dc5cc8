"""What a caption is besides a caption: a file name, an address, a date, a button, a shout, markup.

file_name_share      of the non-blank characters, those in tokens that look like files (photo.jpg, IMG_2041, a hash)
url_share            of the non-blank characters, those in web and mail addresses
number_share         of the words, those that are numbers, dates or months
boilerplate          phrases of `boilerplate` in the text
repeated_word_share  (times the most repeated word occurs - 1) / words; 0 when none is repeated
char_run             longest run of one non-blank character: 3 for `...`
upper_share          of the letters with a case, the capitals; 0 without such letters
markup               HTML tags and entities, BBCode, percent-escapes, {{templates}}
symbol_share         of the non-blank characters, symbols (Unicode S: emoji, |, =, +, currency) and private ones

Null for a text that has nothing to take the share of: no word, no character. Patterns are Rust's, matched without
regard to case where capitals carry no meaning.
"""

import re

import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.signals import Batch
from curate.signals.boilerplate import PHRASES, UNSPACED
from curate.signals.text_stats import share, words

EXTENSIONS = "jpe?g|png|gif|webp|bmp|tiff?|svg|heic|avif|psd|pdf|mp4|mov|avi"
CAMERAS = "img|dsc[fn]?|dcim|pict|cimg|gopr|pxl|mvc|vid|image|photo|picture|screenshot|untitled"
FILE_NAME = (
    r"(?i)[^\s/\\()\[\]<>\"',:;]*[^\s/\\()\[\]<>\"',:;.]\.(?:" + EXTENSIONS + r")\b"  # name.jpg
    r"|\b(?:" + CAMERAS + r")[_-]?\d{2,}[\w-]*"  # IMG_2041, photo-12
    r"|\b[\p{L}\p{N}-]+(?:_[\p{L}\p{N}-]+){2,}"  # a_b_c
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{16,}\b"  # uuid, hash
)
DOMAINS = "com|net|org|info|biz|edu|gov|mil|io|tv|eu|ru|de|fr|es|nl|pl|cz|jp|cn|(?:co|com|org)\\.[a-z]{2}"
URL = (
    r"(?i)(?:https?://|ftp://|www\.)\S+"
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"
    r"|\b(?:[\p{L}\p{N}-]+\.)+(?:" + DOMAINS + r")\b(?:/\S*)?"
)
# January to December in English, German, French, Spanish, Italian, Portuguese and Dutch, and their short forms.
MONTHS = (
    "jan(?:uary|uar|vier)?|enero|gennaio|janeiro|januari|feb(?:ruary|ruar|ruari|braio|rero)?|février|fevereiro"
    "|mar(?:ch)?|märz|mars|marzo|março|maart|apr(?:il|ile)?|avril|abril|may|mai|mayo|maggio|maio|mei"
    "|june?|juni|juin|junio|giugno|junho|july?|juli|juillet|julio|luglio|julho|aug(?:ust|ustus)?|août|agosto"
    "|sept?(?:ember|embre|iembre)?|settembre|setembro|oct(?:ober|obre|ubre)?|okt(?:ober)?|ottobre|outubro"
    "|nov(?:ember|embre|iembre|embro)?|dec(?:ember|embre)?|dez(?:ember|embro)?|décembre|diciembre|dicembre"
)
NUMBER = rf"^(?:\p{{N}}[\p{{N}}.\-'’]*(?:st|nd|rd|th|x\p{{N}}+|px|am|pm)?|{MONTHS})$"
MARKUP = (
    r"</?[a-zA-Z!][^<>]*>|&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});"
    r"|(?i:\[/?(?:img|url|b|i|u|size|color|quote|caption)\b[^\[\]]*\])|%(?:20|2[CFcf]|3[ADFadf]|C3|E2)|\{\{[^{}]*\}\}"
)
SYMBOL = r"[\p{S}\p{Co}\u{FE0F}\u{200D}]"
_spaced = "|".join(re.escape(phrase).replace("\\ ", r"\s+") for some in PHRASES.values() for phrase in some)
BOILERPLATE = rf"(?i)\b(?:{_spaced})\b|{'|'.join(UNSPACED)}"


class CaptionQuality:
    family = "caption_quality"
    version = 1
    schema = c.CAPTION_QUALITY
    reads_images = False

    def identity(self) -> tuple[object, ...]:
        return ()

    def measure(self, batch: Batch) -> pa.Table:
        return caption_quality(pl.Series(batch.captions, dtype=pl.String)).to_arrow().cast(self.schema)


def caption_quality(captions: pl.Series) -> pl.DataFrame:
    """The family's columns, a row per caption."""
    text, found = pl.col("text"), pl.col("words")
    visible = text.str.count_matches(r"\S")
    upper, lower = (text.str.count_matches(pattern) for pattern in (r"\p{Lu}", r"\p{Ll}"))
    frame = pl.DataFrame({"text": captions, c.CHAR_RUN: char_runs(captions)}).with_columns(words=words(text))
    return frame.select(
        share(_inside(text, FILE_NAME), visible).alias(c.FILE_NAME_SHARE),
        share(_inside(text, URL), visible).alias(c.URL_SHARE),
        share(found.list.eval(pl.element().str.contains(NUMBER)).list.sum(), found.list.len()).alias(c.NUMBER_SHARE),
        text.str.count_matches(BOILERPLATE).cast(pl.Int32).alias(c.BOILERPLATE),
        share(_most_repeated(found) - 1, found.list.len()).alias(c.REPEATED_WORD_SHARE),
        pl.col(c.CHAR_RUN),
        pl.when(text.is_not_null()).then(share(upper, upper + lower).fill_null(0)).alias(c.UPPER_SHARE),
        text.str.count_matches(MARKUP).cast(pl.Int32).alias(c.MARKUP),
        share(text.str.count_matches(SYMBOL), visible).alias(c.SYMBOL_SHARE),
    )


def _inside(text: pl.Expr, pattern: str) -> pl.Expr:
    """Characters of the text in what the pattern matches."""
    return text.str.len_chars() - text.str.replace_all(pattern, "").str.len_chars()


def _most_repeated(found: pl.Expr) -> pl.Expr:
    return found.list.eval(pl.element().unique_counts().max()).list.first()


def char_runs(texts: pl.Series) -> pl.Series:
    """The longest run of one character that is not blank, int32; 0 without any, null of a null."""
    lengths = texts.fill_null("").str.len_chars().to_numpy().astype(np.int64)
    codes = np.frombuffer("".join(texts.drop_nulls().to_list()).encode("utf-32-le"), "<u4")
    row = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.flatnonzero(np.diff(codes, prepend=0) | (np.diff(row, prepend=-1) != 0))
    run = np.diff(np.append(starts, len(codes)))
    blank = np.isin(codes[starts], BLANKS)
    longest = np.zeros(len(lengths), np.int32)
    np.maximum.at(longest, row[starts[~blank]], run[~blank].astype(np.int32))
    return pl.select(pl.when(texts.is_not_null()).then(pl.Series(longest))).to_series()


BLANKS = np.array([code for code in range(0x3001) if chr(code).isspace()], np.uint32)
