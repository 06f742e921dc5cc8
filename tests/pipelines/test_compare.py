"""`curate compare`: what stands when a run left rows out, and what it says of rounds."""

import dataclasses
import json

import pytest

from curate.errors import QuarantineError
from pipelines.compare import _notes, compare
from pipelines.recipe import load
from pipelines.run import Runner
from pipelines.workspace import Workspace
from tests.pipelines.coloured import world

TRAIN = {"model": "small.json", "samples_seen": 32, "batch": 16, "warmup": 2, "seeds": [0]}


def test_a_row_that_was_left_out_is_told_after_the_comparison_is_written(tmp_path):
    paths = [world(tmp_path / n, 32, name=n, filters=[], models={}, loop={"rounds": 1}, train=TRAIN) for n in "ab"]
    recipes = [load(path) for path in paths]
    Runner(recipes[0]).run(report=False)
    manifest = Workspace.at(recipes[0].run_dir).manifest("signals/image_stats")
    key, entry = next(iter(manifest.entries.items()))
    manifest.entries[key] = dataclasses.replace(entry, quarantined=[0])
    manifest.save()
    with pytest.raises(QuarantineError, match="1 rows are quarantined"):
        compare(recipes, out=str(tmp_path / "out"))
    (page,) = (tmp_path / "out").glob("*.html")
    found = json.loads(page.with_suffix(".json").read_text())
    assert {name: arm["samples"] for name, arm in found["arms"].items()} == {"a": 32, "b": 32}
    assert {row["arm"] for row in found["results"]} == {"a", "b"}


def test_rounds_that_are_not_compared_are_told(tmp_path):
    one, three = (load(world(tmp_path / str(n), 4, name=f"of {n}", loop={"rounds": n})) for n in (1, 3))
    (note,) = _notes([three])
    assert note.startswith("of 3: its `loop` has 3 rounds; what is compared is round 0")
    assert _notes([one]) == []
