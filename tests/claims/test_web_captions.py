"""10,000 real alt-texts: what each text rule drops when it is asked alone, with examples, and which languages they are.

python -m tests.claims.test_web_captions CAPTIONS.parquet    prints it as Markdown

Every URL stands for an image of its own, 1000 x 1000 px and a JPEG, so that only the texts decide. The counts
are the sample's own: at its size ALIGN's 100 million n-grams drop nothing, and `align_text_small` asks for those that
occur twice.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from curate import schema as c
from curate.corpus.alt_text_counts import AltTextCounts
from curate.filters import Filter
from curate.filters.align_text import AlignText
from curate.filters.caption_quality import CaptionQualityFilter
from curate.filters.conceptual_captions import ConceptualCaptions
from curate.filters.language import LanguageFilter
from curate.signals import Batch
from curate.signals.caption_quality import CaptionQuality
from curate.signals.language import Language
from curate.signals.text_stats import TextStats
from curate.subset import decide
from curate.uid import content_uid, draw

EXAMPLES = 20
FILTERS: tuple[Filter, ...] = (
    AlignText(),
    AlignText(name="align_text_small", words=None, max_images_per_caption=2, keep_top_ngrams=13_000),
    LanguageFilter(keep=["en"]),
    LanguageFilter(name="language_sure", keep=["en"], min_score=0.5),
    CaptionQualityFilter(max_upper_share=0.9),
    ConceptualCaptions(min_word_count=2),
)


def signals(captions: Path) -> pl.DataFrame:
    pairs = pl.read_parquet(captions).select(c.URL, c.CAPTION).unique(maintain_order=True)
    uids = [content_uid(url, text) for url, text in pairs.iter_rows()]
    frame = pairs.with_columns(
        pl.Series(c.UID, uids),
        pl.Series(c.IMAGE_UID, uids),
        pl.col(c.URL).alias(c.SHA256),
        pl.lit(c.WEB).alias(c.ORIGIN),
        pl.lit("ok").alias(c.OUTCOME),
        pl.lit("jpeg").alias(c.FORMAT),
        pl.lit(1000).alias(c.ORIGINAL_WIDTH),
        pl.lit(1000).alias(c.ORIGINAL_HEIGHT),
    )
    texts = Batch(uids, frame[c.CAPTION].to_list())
    counts = AltTextCounts()
    tables = [signal.measure(texts) for signal in (TextStats(), Language(), CaptionQuality())]
    tables.append(counts.per_sample(counts.merge([counts.partial(frame)]), frame))
    return pl.concat([frame, *map(pl.from_arrow, tables)], how="horizontal")


def dropped(frame: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """`name.rule`, and the samples that fail it."""
    for item in FILTERS:
        failed = pl.from_arrow(decide(frame, [item], {}).table)[c.FAILED]
        for rule in item.rules():
            name = f"{item.stage}.{rule.name}"
            here = failed.list.eval(pl.element().is_in([name, f"{name}:null"])).list.any()
            yield name, frame.filter(here)


@pytest.fixture(scope="module")
def frame(shared):
    return signals(shared / "web_captions_10k.parquet")


@pytest.fixture(scope="module")
def lost(frame):
    return dict(dropped(frame))


def test_most_are_english_and_the_rest_are_many_languages(frame):
    counts = dict(frame[c.LANGUAGE].value_counts().iter_rows())
    assert 0.85 < counts["en"] / len(frame) < 0.95
    assert len(counts) > 30 and {"de", "fr", "es", "it", "ru", "ja", "zh"} <= counts.keys()


def test_a_fifth_of_letters_in_a_script_is_a_language_that_has_it(frame):
    """Not the other way round: of the few short texts called Russian, a third has no Cyrillic letter."""
    scripts = {"Cyrillic": ["ru", "uk", "bg", "sr", "mk"], "Greek": ["el"], "Hangul": ["ko"], "Arabic": ["ar", "fa"]}
    for script, languages in scripts.items():
        part, letters = (pl.col(c.CAPTION).str.count_matches(rf"\p{{{name}}}") for name in (script, "L"))
        found = frame.filter(part > 0.2 * letters)[c.LANGUAGE]
        assert len(found) and found.is_in(languages).all(), script


def test_every_rule_drops_some_and_the_junk_rules_few(frame, lost):
    assert all(len(texts) < 0.1 * len(frame) for name, texts in lost.items() if name.startswith("caption_quality."))
    idle = {name for name, texts in lost.items() if texts.is_empty()}
    sizes = {f"conceptual_captions.{rule}" for rule in ("formats", "min_short_side", "max_aspect_ratio")}
    unused = {"align_text.max_images_per_caption", "align_text.keep_top_ngrams"}  # meant for larger pools
    assert idle == sizes | unused | {"caption_quality.max_repeated_word_share"}


def test_what_they_drop_is_what_they_name(lost):
    looks = {
        "caption_quality.max_file_name_share": r"[_.\d]",
        "caption_quality.max_url_share": r"(?i)://|www|\.(com|net|org|de|fr|jp|ru|co)|@",
        "caption_quality.max_number_share": r"\d",
        "caption_quality.max_markup": r"[<&%\[{]",
    }
    for name, pattern in looks.items():
        assert lost[name][c.CAPTION].str.contains(pattern).all(), name
    words = lost["align_text.words"][c.WORDS]
    assert ((words < 3) | (words > 20)).all()


def test_fewer_ngrams_and_surer_languages_drop_more(lost):
    assert (lost["align_text_small.keep_top_ngrams"][c.RAREST_NGRAM_RANK] > 13_000).all()
    assert len(lost["align_text_small.keep_top_ngrams"]) > 0.9 * 10_000  # nearly every text has a pair of its own
    assert (lost["align_text_small.max_images_per_caption"][c.CAPTION_IMAGES] > 2).all()
    assert len(lost["language_sure.min_score"]) > len(lost["language_sure.keep"])


def show(captions: Path) -> None:
    frame = signals(captions)
    found = dict(dropped(frame))
    print(f"{len(frame):,} alt-texts.\n\n| rule, asked alone | drops | share |\n|---|---|---|")
    for name, texts in found.items():
        print(f"| {name} | {len(texts):,} | {len(texts) / len(frame):.2%} |")
    print("\n| language | texts | median score |\n|---|---|---|")
    by = frame.group_by(c.LANGUAGE).agg(pl.len().alias("texts"), pl.col(c.LANGUAGE_SCORE).median().alias("score"))
    for language, texts, score in by.sort("texts", c.LANGUAGE, descending=[True, False]).iter_rows():
        print(f"| {language or 'none'} | {texts:,} | {'' if score is None else f'{score:.2f}'} |")
    for name, texts in found.items():
        some = sorted(texts.iter_rows(named=True), key=lambda row: draw(0, row[c.UID], name))[:EXAMPLES]
        print(f"\n{name}, {len(some)} of {len(texts):,}\n")
        for row in some:
            line = " ".join(row[c.CAPTION].split())
            print(f"- `{line[:140].replace('`', chr(39))}`")


if __name__ == "__main__":
    show(Path(sys.argv[1]))
