import polars as pl
import pytest

from curate import schema as c
from curate.filters.language import LanguageFilter
from curate.subset import decide
from tests.conftest import samples


def test_the_score_that_equals_the_bound_is_kept():
    scores = pl.Series([0.5, 0.49, 0.9, None], dtype=pl.Float32)
    frame = samples(4, language=["de", "en", "fr", None], language_score=scores)
    reasons = decide(frame, [LanguageFilter(keep=["en", "de"], min_score=0.5)], {}).table.column(c.REASON).to_pylist()
    assert reasons == [None, "language.min_score", "language.keep", "language.keep:null"]


@pytest.mark.parametrize("keep", [[], ["EN"], ["english"], [""]])
def test_what_is_no_code_is_refused(keep):
    with pytest.raises(ValueError, match=r"ISO 639|at least 1"):
        LanguageFilter(keep=keep)


def test_a_score_of_nan_is_unmeasured():
    frame = samples(2, language=["en", "en"], language_score=[float("nan"), 0.9])
    reasons = decide(frame, [LanguageFilter(min_score=0.5)], {}).table.column(c.REASON).to_pylist()
    assert reasons == ["language.min_score:null", None]
