"""The page of a comparison: what it draws where, what it claims, and that hostile names stay text."""

import re

import pytest

from curate.report.comparison_page import render_comparison, verdicts
from curate.report.comparison_plot import plots

HOSTILE = "<script>alert(1)</script>\u202e"


def result(arm, values, low=None, high=None, metric="top1"):
    told = {str(seed): value for seed, value in enumerate(values)}
    mean = sum(values) / len(values)
    return {"arm": arm, "eval": "objects", "use": "report", "metric": metric, "values": told, "mean": mean, "sd": 0.01,
            "low": low, "high": high, "n": 100}  # fmt: skip


def apart(arm, value, se, low, high, metric="top1", main=True):
    return {"arm": arm, "against": "first", "eval": "objects", "metric": metric, "use": "report", "main": main,
            "values": {}, "value": value, "sd": se, "se": se, "low": low, "high": high}  # fmt: skip


@pytest.fixture
def found():
    sizes = {"samples": 10, "images": 9, "asked": 20, "bytes": 1_500_000, "dataset": "d", "run": "runs/x"}
    return {
        "samples_seen": 640, "seeds": [0, 1], "model": "tiny", "objective": "clip", "batch": 16,
        "arms": {"first": sizes, "better": sizes, HOSTILE: sizes},
        "results": [result("first", [0.2, 0.4], 0.2, 0.4), result(HOSTILE, [0.1, 0.3]), result("better", [0.5, 0.7])],
        "differences": [apart("better", 0.3, 0.0, 0.2, 0.4), apart(HOSTILE, -0.1, None, None, None)],
        "notes": ["a note of <i>one</i>"], "seconds": {"curate first": 1.5, "train": 2.0}, "page": "x.html",
    }  # fmt: skip


def test_a_recipe_has_a_dot_per_seed_a_mean_and_its_interval(found):
    (plot,) = plots(found)
    first, better, hostile = plot.recipes
    assert [recipe.name for recipe in plot.recipes] == ["first", "better", HOSTILE]  # as they were given
    assert len(first.seeds) == 2 and first.mean == plot.first == pytest.approx(sum(x for x, _ in first.seeds) / 2)
    assert first.span == (first.seeds[0][0], pytest.approx(first.seeds[1][0] - first.seeds[0][0]))
    assert first.apart == "" and better.apart == "+30.0 ± 0.0" and hostile.apart == "\u221210.0"
    assert better.mean > first.mean > hostile.mean and hostile.span is None
    assert len({recipe.colour for recipe in plot.recipes}) == 3


def test_words_claim_what_the_interval_shows_and_no_more(found):
    (kind, better), (unclear, alone) = verdicts(found)
    assert kind == "better" and "95% interval +20.0 to +40.0" in better
    assert unclear == "unclear" and "is not shown to differ from first" in alone and "one seed" in alone
    seeds_only = {**found, "differences": [apart("better", 0.3, 0.1, None, None)]}
    assert verdicts(seeds_only)[0][0] == "better"
    noise = {**found, "differences": [apart("better", 0.3, 0.15, None, None)]}
    assert verdicts(noise)[0][0] == "unclear"
    other = {**found, "differences": [apart("better", 0.3, 0.1, 0.1, 0.5, main=False)]}
    assert verdicts(other) == []


def test_the_page_loads_nothing_runs_nothing_and_spells_out_what_is_hostile(found):
    page = render_comparison(found)
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "\u202e" not in page
    assert "default-src 'none'" in page and not re.search(r"(src|href)=", page)
    for word in ("clip", "tiny", "640", "0, 1", "1.5", "a note of &lt;i&gt;", "+30.0 ± 0.0", "runs/x"):
        assert word in page
    assert page.count('<circle class="seed"') == 6 and page.count('class="first"') == 1
