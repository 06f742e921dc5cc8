from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from curate.corpus.spill import Spill, runs

ROW = np.dtype([("key", "u8"), ("value", "i8")])


@pytest.mark.parametrize("buffer", [1, 100, 10_000])
def test_all_rows_come_back_with_their_key_in_order_and_the_files_go(buffer):
    rng = np.random.default_rng(0)
    rows = np.zeros(3000, ROW)
    rows["key"], rows["value"] = rng.integers(0, 2**64, 3000, dtype=np.uint64), np.arange(3000)
    rows["key"][1000:2000] = rows["key"][:1000]
    with Spill(ROW, buffer=buffer) as spill:
        for part in np.array_split(rows, 17):
            spill.add(part)
        parts = list(spill.partitions())
        folder = Path(spill._folder.name)
    assert not folder.exists()
    found = np.concatenate(parts)
    assert (found["key"][1:] >= found["key"][:-1]).all()
    assert sorted(found.tolist()) == sorted(rows.tolist())
    ends = [(part["key"][0], part["key"][-1]) for part in parts]
    assert all(before[1] < after[0] for before, after in pairwise(ends))  # a key is in one


def test_runs():
    assert runs(np.array([1, 1, 2, 5, 5, 5])).tolist() == [0, 2, 3]
    assert runs(np.array([])).tolist() == []
