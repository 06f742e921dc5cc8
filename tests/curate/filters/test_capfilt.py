"""CapFilt as a filter: what joins, what is judged, and that no bad web text loses its image (RECIPES A11)."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.filters.capfilt import CapFilt
from curate.filters.clip_score import ClipScoreFilter
from curate.filters.exact_dedup import ExactDedup
from curate.filters.where import Where
from curate.subset import decide
from tests.conftest import samples

BOTH = CapFilt(captioner="writer", matcher="judge")


def pool(web, made, **columns):
    """A row per image for its web text and then for its synthetic one; the numbers are their matches."""
    images = [f"i{i}" for i in range(len(web))]
    frame = samples(len(web) + len(made), image_uid=images + images[: len(made)], match_judge=[*web, *made])
    origin = [c.WEB] * len(web) + [c.SYNTHETIC] * len(made)
    return frame.with_columns(pl.Series(c.ORIGIN, origin), *(pl.Series(name, v) for name, v in columns.items()))


def kept(frame, *filters):
    return decide(frame, filters, {}).keep.tolist()


def test_golden_a11_four_images_give_four_texts():
    frame = pool([0.9, 0.2, 0.7, 0.1], [0.8, 0.6, 0.3, 0.4])
    subset = decide(frame, [BOTH], {})
    texts = frame.with_columns(pl.Series(c.KEEP, subset.keep)).filter(pl.col(c.KEEP))[c.IMAGE_UID].to_list()
    assert sorted(texts) == ["i0", "i0", "i1", "i2"]  # the first twice, the fourth vanished
    assert [(r.rule, r.rows_in, r.added, r.dropped, r.kept) for r in subset.funnel[1:]] == [
        ("appended", 4, 4, 0, 8),
        ("match", 8, 0, 4, 4),
    ]


def test_equal_logits_are_dropped_and_what_was_not_judged_as_null():
    subset = decide(pool([0.5, 0.5000001, None, float("nan")], []), [CapFilt(matcher="judge")], {})
    assert subset.table.column(c.REASON).to_pylist() == [
        "capfilt.match", None, "capfilt.match:null", "capfilt.match:null"]  # fmt: skip


def test_a_captioner_alone_drops_nothing_and_a_matcher_alone_appends_nothing():
    frame = pool([0.9, 0.1], [0.9, 0.1])
    assert kept(frame, CapFilt(captioner="writer")) == [True] * 4
    assert kept(frame, CapFilt(matcher="judge")) == [True, False, False, False]


def test_the_best_fraction_counts_both_origins():
    frame = pool([0.1, 0.2, 0.3], [0.05, 0.6, 0.25])
    top = CapFilt(captioner="writer", matcher="judge", top=0.5)
    assert kept(frame, top) == [False, False, True, False, True, True]


def test_the_best_text_of_an_image_ties_for_the_web_then_for_the_smallest_uid():
    frame = pool([0.9, 0.7, 0.6], [0.8, 0.95, 0.6]).vstack(pool([0.9], []))  # a second web text of the first image
    uids = pl.Series(c.UID, [f"{i:032x}" for i in (5, 1, 2, 3, 4, 6, 0)])
    best = CapFilt(captioner="writer", matcher="judge", keep="best")
    assert kept(frame.with_columns(uids), best) == [False, False, True, False, True, False, True]


def test_an_image_whose_text_was_bad_is_described_and_one_that_was_bad_is_not():
    frame = pool([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], words=[5, 1, 5, 9, 9, 9], width=[300, 300, 10, 300, 300, 10])
    rules = [Where(sql="words > 2", name="text"), Where(sql="width > 100", name="image")]
    for order in (rules, rules[::-1]):
        assert kept(frame, *order, BOTH) == [True, False, False, True, True, False]
    without = CapFilt(captioner="writer", matcher="judge", rescue=False)
    assert kept(frame, *rules, without) == [True, False, False, True, False, False]
    pair = Where(sql="words > 2 and width > 0")  # looks at the image too
    assert kept(frame, pair, BOTH) == [True, False, True, True, False, True]


def test_a_comparison_of_survivors_was_not_asked_of_what_a_text_rule_dropped():
    frame = pool([0.9, 0.9], [0.9, 0.9], words=[5, 1, 9, 9])
    text = Where(sql="words > 2")
    assert kept(frame, text, ExactDedup(), BOTH) == [True, False, True, False]
    assert kept(frame, ExactDedup(), text, BOTH) == [True, False, True, True]


def test_an_image_is_captioned_whose_text_was_dropped_for_not_fitting_it():
    frame = pool([0.9, 0.9], [0.9, 0.9]).with_columns(pl.Series(c.clip_score("clip"), [0.1, 0.9, None, None]))
    for cosine in (ClipScoreFilter(model="clip", min=0.5), ClipScoreFilter(model="clip", top=0.5)):
        assert kept(frame, cosine, BOTH) == [False, True, True, True]
        assert kept(frame, cosine, BOTH.model_copy(update={"rescue": False})) == [False, True, False, True]


def test_what_follows_treats_both_origins_alike_and_a_captioner_appends_once():
    frame = pool([0.9, 0.9], [0.9, 0.9], words=[5, 1, 1, 9])
    later = CapFilt(captioner="writer", name="again")
    subset = decide(frame, [BOTH, Where(sql="words > 2"), later], {})
    assert subset.keep.tolist() == [True, False, False, True]
    assert [row.added for row in subset.funnel] == [0, 2, 0, 0]


def test_two_captioners_append_each_its_own():
    frame = pool([0.9, 0.9], [0.9, 0.9]).with_columns(pl.Series(c.CAPTIONER, [None, None, "writer", "other"]))
    other = CapFilt(captioner="other", name="second")
    subset = decide(frame, [BOTH, Where(sql="original_width > 9000"), other], {})
    assert [(row.stage, row.added) for row in subset.funnel if row.added] == [("capfilt", 1)]
    subset = decide(frame, [BOTH, other], {})
    assert [(row.stage, row.added) for row in subset.funnel if row.added] == [("capfilt", 1), ("second", 1)]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"captioner": "w", "min": 0.5}, {"matcher": "j", "min": 0.5, "top": 0.1}, {"matcher": "j", "min": 1.0},
     {"captioner": "w", "keep": "best"}, {"matcher": "j", "top_p": 0.9}],
)  # fmt: skip
def test_what_says_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=r"give|needs|less than"):
        CapFilt.model_validate(wrong)


match = st.none() | st.sampled_from([0.0, 0.5, 0.51, 1.0])
image = st.tuples(match, match, st.booleans(), st.integers(1, 3), st.booleans())


@settings(max_examples=60, deadline=None)
@given(st.lists(image, min_size=1, max_size=12), st.booleans(), st.sampled_from(["union", "best"]))
def test_the_funnel_adds_up_and_every_text_kept_is_of_an_image_that_no_rule_about_images_dropped(rows, rescue, keep):
    web, made, good, content, wide = map(list, zip(*rows, strict=True))
    two = {"good": good + [True] * len(rows), "width": [200 if one else 10 for one in wide] * 2}
    frame = pool(web, made, **two, sha256=[str(one) for one in content] * 2, caption=["a"] * 2 * len(rows))
    frame = frame.with_columns(words=pl.when(pl.col("good")).then(9).otherwise(0))
    filters = [
        Where(sql="width > 100", name="image"),
        Where(sql="words > 2", name="text"),
        CapFilt(captioner="writer", matcher="judge", rescue=rescue, keep=keep),
    ]
    subset = decide(frame, filters, {})
    before = len(rows)
    for row in subset.funnel:
        assert row.rows_in == before and row.rows_in + row.added == row.dropped + row.kept
        before = row.kept
    found = frame.with_columns(pl.Series(c.KEEP, subset.keep))
    assert before == subset.kept and subset.funnel[-1].images == found.filter(c.KEEP)[c.SHA256].n_unique()
    assert not found.filter(pl.col(c.KEEP) & (pl.col("width") < 100)).height
    wanted = [w and (g or rescue) for w, g in zip(wide, good, strict=True)]
    expected = [w and g and m is not None and m > 0.5 for w, g, m in zip(wide, good, web, strict=True)]
    expected += [w and m is not None and m > 0.5 for w, m in zip(wanted, made, strict=True)]
    if keep == "union":
        assert subset.keep.tolist() == expected
    else:
        images = frame[c.IMAGE_UID].filter(pl.Series(expected))
        assert found.filter(c.KEEP)[c.IMAGE_UID].sort().to_list() == images.unique().sort().to_list()
