"""The demo, small: what was planted is found, and the loop closes. Its figures at full size are in the README."""

import json

import pytest

from tests.pipelines.cli.test_commands import ok


@pytest.mark.slow
def test_a_small_demo_finds_what_was_planted_and_ends_with_a_verdict(tmp_path):
    quick = ("--set", "train.samples_seen=64", "--set", "loop.scorer.samples_seen=64", "--engine", "serial")
    found = json.loads(ok("demo", tmp_path / "demo", "--pairs", "300", "--seed", "3", *quick, "--json"))
    assert found["wrong_outcomes"] == []
    parts = {part["part"]: part for part in found["truth"]}
    for part in ("download", "align_image", "align_text"):
        assert parts[part]["precision"] == parts[part]["recall"] == 1
    (record,) = found["rounds"]
    assert set(record["arms"]) == {"raw", "random", "curated", "oracle"}
    assert record["arms"]["random"]["images"] == record["arms"]["curated"]["images"] == record["images"]
    assert record["arms"]["curated"]["samples"] == found["kept"]
    assert (tmp_path / "demo/run/report.html").read_text().count("Rounds and arms") >= 1
