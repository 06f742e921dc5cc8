"""A pair's probability is the matcher's, and null where there is no image, no text or no number."""

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from curate.signals import Batch
from curate.signals.match_score import MatchScore


class ByLength:
    """A matcher that likes wide images and short texts."""

    identity = "by length"

    def match(self, images, texts):
        return np.array([i.width / (i.width + len(t)) if t else np.nan for i, t in zip(images, texts, strict=True)])


IMAGES = [Image.new("RGB", (8, 8)), None, Image.new("RGB", (2, 8)), Image.new("RGB", (2, 8))]


def test_every_pair_is_matched_with_its_own_text():
    found = MatchScore("m", ByLength()).measure(Batch(list("abcd"), ["12345678", "x", None, "123456"], IMAGES))
    assert found.schema == pa.schema([("match_m", pa.float32())])
    assert found["match_m"].to_pylist() == [0.5, None, None, 0.25]


def test_what_is_no_number_is_null_and_nothing_is_nothing():
    signal = MatchScore("m", ByLength())
    assert signal.measure(Batch(["a"], [""], IMAGES[:1]))["match_m"].to_pylist() == [None]
    assert signal.measure(Batch([], [], [])).num_rows == 0
    assert signal.measure(Batch(["a"], ["t"], [None]))["match_m"].to_pylist() == [None]
    assert signal.identity() == ("by length",) and signal.family == "match_m"


def test_a_matcher_that_loses_a_row_is_found():
    class Short(ByLength):
        def match(self, images, texts):
            return super().match(images, texts)[:-1]

    with pytest.raises(ValueError, match="1 pairs gave"):
        MatchScore("m", Short()).measure(Batch(["a"], ["t"], IMAGES[:1]))
