"""A signal's output for fixed input is recorded with its version: one cannot change without the other.

When this fails because the output was meant to change, raise the version of the signal or pass in its file,
and put the new digest here.
"""

import hashlib
import json

import polars as pl
import pytest
from PIL import Image, ImageDraw

from curate import schema as c
from curate.corpus.alt_text_counts import AltTextCounts
from curate.corpus.hash_pairs import HashPairs
from curate.signals import Batch
from curate.signals.caption_quality import CaptionQuality
from curate.signals.hashes import Hashes
from curate.signals.image_stats import ImageStats
from curate.signals.language import Language
from curate.signals.phash import PHash
from curate.signals.text_stats import TextStats

CAPTIONS = ["A red circle, on grass", "IMG_2041.JPG", "", None, "два слова", "a red circle"]


def images():
    """Drawn without anti-aliasing or codecs, so that no library's rounding is part of the input."""
    for i in range(len(CAPTIONS)):
        image = Image.new("RGB", (64 + i, 48), (20 * i, 90, 200 - 30 * i))
        ImageDraw.Draw(image).rectangle((5 * i, 3, 30 + 5 * i, 40), fill=(250 - 40 * i, 10 * i, 60))
        yield image if i != 3 else None


def digest(rows):
    rounded = [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    return hashlib.sha256(json.dumps(rounded, sort_keys=True).encode()).hexdigest()[:16]


RECORDED = {
    "image_stats": (1, "370476e4fbee9f32"),
    "text_stats": (3, "adae49f7307b8f71"),
    "language": (1, "6127b90fe817fb25"),
    "caption_quality": (1, "84c39032d7a9f3ef"),
    "hashes": (1, "fbb677175da15ce6"),
    "phash": (1, "65b20eb9d132e88e"),
    "alt_text_counts": (3, "b3cff8770c4dab38"),
    "hash_pairs": (1, "10fdb4981dc498c1"),
}


def outputs():
    batch = Batch([""] * len(CAPTIONS), CAPTIONS, list(images()))
    for signal in (ImageStats(), TextStats(), PHash(), Hashes(), Language(), CaptionQuality()):
        yield signal.family, signal.version, signal.measure(batch).to_pylist()
    counts, pairs = AltTextCounts(), HashPairs(10)
    frame = pl.DataFrame({c.CAPTION: CAPTIONS, c.SHA256: list("aabbcc"), c.OUTCOME: ["ok"] * 6})
    yield counts.name, counts.version, counts.per_sample(counts.merge([counts.partial(frame)]), frame).to_pylist()
    hashes = pl.DataFrame({c.PHASH: pl.Series([5, 7, 2**40 + 5, 2**63], dtype=pl.UInt64)})
    yield pairs.name, pairs.version, pairs.merge([pairs.partial(hashes)])["pairs"].to_dicts()


@pytest.mark.parametrize(("name", "version", "rows"), list(outputs()), ids=lambda v: v if isinstance(v, str) else "")
def test_output_and_version_belong_together(name, version, rows):
    assert (version, digest(rows)) == RECORDED[name]
