"""What a round's dataset is like, and that each guard fires where it should."""

import numpy as np
import polars as pl
import pytest

from pipelines.changes import Changes
from pipelines.guards import asked, broken, frequent_words, health
from pipelines.recipe import load
from pipelines.recipe_training import Guards
from pipelines.run import Runner
from pipelines.workspace import Workspace
from tests.conftest import picture
from tests.pipelines.coloured import world

SILENT = dict.fromkeys(Guards.model_fields)
WORDS = ("apple", "bridge", "candle", "desert")


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """condition -> the run that keeps what fulfils it, of one pool: 24 texts of four words, "sign" for every third."""
    folder = tmp_path_factory.mktemp("guards")
    captions = ["sign" if i % 3 == 2 else f"a {WORDS[i % 4]} rare{i}" for i in range(24)]
    # Of the first eight two and two look alike, and are other files.
    images = [picture(i // 2 if i < 8 else i, quality=90 + i % 2) for i in range(24)]
    known = {}

    def run(sql):
        if sql not in known:
            at = folder / str(len(known))
            filters = [{"where": {"sql": sql}}] if sql else []
            path = world(at, models={}, loop=None, train=None, eval=[], filters=filters, statistics=["phash"])
            pl.DataFrame({"jpg": images, "caption": captions}).write_parquet(at / "pool.parquet")
            Runner(load(path)).run(report=False)
            known[sql] = Workspace.at(str(at / "run"))
        return known[sql]

    return run


def test_the_dataset_is_counted(decided):
    found = health(decided(""), None)
    assert (found.texts, found.distinct_texts, found.synthetic_texts) == (24, 17, 0)
    assert found.top_text == 8 / 24 and found.images == 24
    assert found.repeated_images == 8 / 24
    # a (16 texts), sign (8); each of the four words is in 4 texts: one too few to count
    assert (found.words, found.pool_words) == (2, 2)
    assert (found.covered, found.agreement, found.distinct_before) == (None, None, None)


def test_frequent_words_are_in_five_texts_at_least_and_a_text_counts_once(tmp_path):
    path = world(tmp_path, models={}, loop=None, train=None, eval=[], filters=[], statistics=[])
    texts = ["Five five FIVE", "five.", "five-four", "(five)", "no five", "four four", "four", "four", None]
    pl.DataFrame({"jpg": [picture(i, (40, 40)) for i in range(9)], "caption": texts}).write_parquet(
        tmp_path / "pool.parquet"
    )
    Runner(load(path)).run(report=False)
    workspace = Workspace.at(str(tmp_path / "run"))
    assert frequent_words(workspace.folder, "these") == {"five"}


@pytest.mark.parametrize(
    ("before", "now", "guard", "value"),
    [
        ("", "caption = 'sign'", "min_coverage", 0.5),  # `a` is covered no more
        ("", "caption <> 'sign'", "min_agreement", 16 / 24),
        ("", "caption = 'sign'", "min_distinct_texts", 1 / 17),
        (None, "caption = 'sign'", "max_top_text", 1.0),
        (None, "", "max_repeated_images", 8 / 24),
    ],
)
def test_each_guard_fires_beyond_its_bound_and_not_at_it(decided, before, now, guard, value):
    one, other = decided(now), None if before is None else decided(before)
    found = health(one, other)

    def told(bound):
        return asked(found, Guards(**{**SILENT, guard: bound}))

    assert told(value) == [{"guard": guard, "value": value, "bound": value, "holds": True}]
    beyond = float(np.nextafter(value, 0 if guard.startswith("max") else 2))
    assert not told(beyond)[0]["holds"]
    assert broken(told(beyond)).startswith(f"guard.{guard}: {value:.3f}, bound ") and broken(told(value)) == ""


def test_a_guard_without_a_bound_or_without_a_value_asks_nothing(decided):
    found = health(decided(""), None)
    assert asked(found, Guards(**SILENT)) == []
    first = {one["guard"] for one in asked(found, Guards())}
    assert first == {"max_synthetic", "max_top_text"}  # nothing stands before the first round
    assert all(one["holds"] for one in asked(health(decided(""), decided("")), Guards()))


def test_what_entered_and_left_is_told_by_origin_and_reason(decided):
    changes = Changes.between(decided("caption <> 'sign'"), decided("caption = 'sign'"))
    assert changes.agreement() == {"both": 0, "newly_kept": 8, "newly_dropped": 16, "jaccard": 0.0}
    assert changes.as_dict() == {
        "entered": {"samples": 8, "origins": {"web": 8}, "reasons": {"where.sql": 8}},
        "left": {"samples": 16, "origins": {"web": 16}, "reasons": {"where.sql": 16}},
    }
    same = Changes.between(decided(""), decided(""))
    assert same.jaccard == 1.0 and same.as_dict()["left"] == {"samples": 0, "origins": {}, "reasons": {}}
