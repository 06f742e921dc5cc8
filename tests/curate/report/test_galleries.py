"""Who is shown: the right side of the threshold, the nearest first, the same whatever the order."""

from dataclasses import replace

import polars as pl
import pytest

from curate import schema as c
from curate.report.columns import prepared
from curate.report.evidence import Evidence
from curate.report.galleries import BUDGET, Galleries, Gallery, within
from curate.report.page import render_page
from curate.report.statistics import statistics
from curate.report.thumbnails import SIDE, thumbnail


def galleries(evidence: Evidence, size: int = 6) -> Galleries:
    return Galleries(prepared(evidence.samples), statistics(evidence)["rules"], size)


def test_three_galleries_of_a_threshold(run: Evidence) -> None:
    dropped, below, above = galleries(run).threshold(run.thresholds[0])
    assert [gallery.title for gallery in (dropped, below, above)] == ["Dropped", "Just below 0.2", "Just above 0.2"]
    assert {sample[c.REASON] for sample in dropped.samples + below.samples} == {"clip.min"}
    scores = [sample["score"] for sample in below.samples]
    assert scores == sorted(scores, reverse=True)
    assert all(score < 0.2 for score in scores)
    past = [sample["score"] for sample in above.samples]
    assert past == sorted(past)
    assert all(score >= 0.2 for score in past)
    assert {sample[c.REASON] for sample in above.samples} <= {None, "phash.max_distance"}


def test_the_choice_does_not_depend_on_order(run: Evidence) -> None:
    shuffled = replace(run, samples=run.samples.collect().sample(fraction=1, shuffle=True, seed=3).lazy())
    assert galleries(shuffled).threshold(run.thresholds[0]) == galleries(run).threshold(run.thresholds[0])
    assert galleries(shuffled).kept() == galleries(run).kept()


def test_a_draw_is_by_uid_and_purpose(run: Evidence) -> None:
    kept = [sample[c.UID] for sample in galleries(run).kept().samples]
    first = run.samples.filter(pl.col(c.KEEP)).select(c.UID).collect()[c.UID].sort().to_list()
    assert kept != first[: len(kept)]
    assert kept == [sample[c.UID] for sample in galleries(run, 12).kept().samples][:6]
    passed = galleries(run).stage("phash", ["phash.max_distance"])[1].samples
    assert [sample[c.UID] for sample in passed] != kept


def test_a_maximum_is_mirrored(run: Evidence) -> None:
    top = replace(run.thresholds[0], bound="max")
    _, near, far = galleries(run).threshold(top)
    assert (near.title, far.title) == ("Just above 0.2", "Just below 0.2")
    assert all(sample["score"] >= 0.2 for sample in near.samples)


def test_an_unmeasured_sample_is_among_the_dropped(ten: Evidence) -> None:
    dropped, below, _ = galleries(ten).threshold(ten.thresholds[1])
    assert {sample["score"] for sample in dropped.samples} == {0.1, None}
    assert {sample["score"] for sample in below.samples} == {0.1}


def test_a_stage_without_a_threshold(run: Evidence) -> None:
    dropped, passed = galleries(run).stage("phash", ["phash.max_distance"])
    assert {sample[c.REASON] for sample in dropped.samples} == {"phash.max_distance"}
    assert {sample[c.KEEP] for sample in passed.samples} == {True}


def test_a_column_that_is_not_there(run: Evidence) -> None:
    gone = replace(run.thresholds[0], column="gone")
    assert [gallery.title for gallery in galleries(run).threshold(gone)] == ["Dropped", "Let through"]
    assert "gone" in render_page(replace(run, thresholds=[gone]))


@pytest.mark.parametrize("budget", [0, 1, 7, 30, 100])
def test_within_a_budget(budget: int) -> None:
    sizes = [24, 0, 3, 24, 12]
    cut = within([Gallery("g", "kept", [{}] * size) for size in sizes], budget)
    assert sum(len(gallery.samples) for gallery in cut) <= budget
    assert len(cut) == len(sizes)
    if budget >= sum(sizes):
        assert [len(gallery.samples) for gallery in cut] == sizes


def test_the_page_keeps_to_the_budget(run: Evidence) -> None:
    more = [replace(run.thresholds[0], value=value) for value in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)]
    page = render_page(replace(run, thresholds=more), galleries=60)
    assert page.count("<img ") <= BUDGET


def test_thumbnail_of_a_picture_and_of_no_picture(run: Evidence) -> None:
    data = run.read_image(f"{3:032x}")
    assert data is not None
    small = thumbnail(data)
    assert small is not None
    assert max(small.width, small.height) == SIDE
    assert small.uri.startswith("data:image/jpeg;base64,")
    for bad in (None, b"", b"<svg onload=alert(1)>", data[:200], b"GIF89a" + bytes(20)):
        assert thumbnail(bad) is None


def test_nothing_of_a_file_survives_in_its_thumbnail(run: Evidence) -> None:
    secret = b"GPS 52.5200 N <script>"
    data = run.read_image(f"{3:032x}")
    assert data is not None
    marked = data[:2] + b"\xff\xfe" + (len(secret) + 2).to_bytes(2, "big") + secret + data[2:]
    assert thumbnail(marked) == thumbnail(data)
