"""Ablations: an item of the filters changed or left out, and what is refused at the door."""

import pytest
from pydantic import ValidationError

from curate.filters.align_text import AlignText
from curate.filters.capfilt import CapFilt
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.phash_dedup import PHashDedup
from curate.filters.where import Where
from pipelines.ablations import ablated, ablation_problems

BOTH = CapFilt(captioner="writer", matcher="judge", min=0.3)
FILTERS = [AlignText(), BOTH, ClipScoreFilter(alias="cosine", model="clip", top=0.5)]


def test_null_leaves_an_item_out_and_the_others_stay_as_they_are():
    assert ablated(FILTERS, {"capfilt": None, "cosine": None}) == [AlignText()]
    assert ablated(FILTERS, {}) == FILTERS


def test_a_changed_item_keeps_what_is_not_said():
    text, only_filter, cosine = ablated(FILTERS, {"capfilt": {"captioner": None}, "cosine": {"top": 0.2}})
    assert text == AlignText()
    assert only_filter == CapFilt(matcher="judge", min=0.3)
    assert (cosine.stage, cosine.top, cosine.model) == ("cosine", 0.2, "clip")


def test_an_item_that_would_be_impossible_is_refused():
    with pytest.raises(ValidationError, match="a captioner, a matcher, or both"):
        ablated(FILTERS, {"capfilt": {"captioner": None, "matcher": None}})


def told(ablations, filters=FILTERS, **there):
    return [(".".join(map(str, at)), message) for at, message in ablation_problems(filters, ablations, **there)]


def test_good_ones_are_no_problem():
    assert told({"none": {"capfilt": None}, "F": {"capfilt": {"captioner": None}}}) == []


WIDE = [Where(sql="width > 3"), PHashDedup(max_distance=12), ClipScoreFilter(model="clip", top=0.5)]


@pytest.mark.parametrize(
    ("changes", "at", "message"),
    [
        ({"clip_score": {"model": "dfn"}}, "clip_score", "no filter of the recipe asks the model 'dfn'"),
        ({"where": {"sql": "clip_score_dfn > 0"}}, "where", "reads 'clip_score_dfn', so it is not measured"),
        ({"where": {"sql": "width > 3 and entropy > 1"}}, "where", "reads 'entropy'"),
        ({"phash_dedup": {"max_distance": 20}}, "phash_dedup", "'hash_pairs' does not run, or not so far"),
        ({"phash_dedup": {"hash": "dhash"}}, "phash_dedup", "not measured"),
    ],
)
def test_what_nothing_measures_or_trains_for_the_filters_is_refused(changes, at, message):
    [(place, said), *_] = told({"x": changes}, WIDE)
    assert place == f"loop.ablations.x.{at}" and message in said and "`curate compare`" in said


def test_what_is_measured_anyway_can_be_asked():
    fine = {
        "pool": {"where": {"sql": "width > 3 and original_height > 9"}},
        "score": {"where": {"sql": "clip_score_clip > 0"}},
        "near": {"phash_dedup": {"max_distance": 3}},
        "statistic": {"where": {"sql": "words > 3"}},
    }
    assert told(fine, WIDE, statistics=["text_stats"]) == []
    assert [at for at, _ in told(fine, WIDE)] == ["loop.ablations.statistic.where"]


@pytest.mark.parametrize(
    ("ablations", "at", "message"),
    [
        ({"F": {"capfit": None}}, "loop.ablations.F.capfit", "did you mean 'capfilt'"),
        ({"F": {"capfilt": {"top": 0.2}}}, "loop.ablations.F", "either min"),
        ({"F": {"capfilt": {"min": 0.3}}}, "loop.ablations.F", "changes nothing"),
        ({"raw": {"capfilt": None}}, "loop.ablations.raw", "the name of another arm"),
    ],
)
def test_a_mistake_is_told_where_it_is(ablations, at, message):
    [(place, said), *_] = told(ablations)
    assert place == at and message in said
