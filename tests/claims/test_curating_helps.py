"""RECIPES D5: of pairs half of which have a wrong caption, the curated half teaches more than a random half.

Three seeds, equal compute, the scorer cross-fitted; in zero-shot accuracy and in retrieval.
"""

import pytest

from pipelines.loop import Loop
from pipelines.recipe import load
from tests.pipelines.coloured import world


@pytest.mark.slow
def test_golden_d5_a_curated_half_is_better_than_a_random_half_of_equal_size(tmp_path):
    train = {"model": "tiny", "samples_seen": 3200, "batch": 32, "warmup": 5, "seeds": [0, 1, 2]}
    loop = {"rounds": 1, "trusted": "trusted.parquet", "arms": ["random"]}
    _, records = Loop(load(world(tmp_path, pairs=320, train=train, loop=loop))).run(report=False)
    found = {(row["eval"], row["against"]): row for row in records[0]["differences"]}
    assert found["objects", "random"]["low"] > 0
    assert found["pairs", "random"]["value"] > 0
