"""The first of each key, as polars has it."""

import hashlib

import numpy as np
import polars as pl
import pytest

from pipelines.extract import unique
from pipelines.extract.unique import First


@pytest.mark.parametrize("part", [50, 1_000, 2_000_000])
def test_first_rows_are_those_that_polars_keeps(tmp_path, monkeypatch, part):
    monkeypatch.setattr(unique, "PART", part)
    rng = np.random.default_rng(part)
    values = rng.integers(0, 3_000, 10_000).tolist()
    keys = [hashlib.sha256(str(value).encode()).digest()[:16] for value in values]
    first = First(str(tmp_path), len(keys))
    for at in range(0, len(keys), 777):
        first.add(keys[at : at + 777])
    frame = pl.DataFrame({"key": keys})
    assert first.find().tolist() == frame["key"].is_first_distinct().to_list()
    assert [path.name for path in tmp_path.iterdir()] == ["first.npy"]


def test_no_rows(tmp_path):
    assert len(First(str(tmp_path), 0).find()) == 0


def test_keys_that_differ_in_one_bit_are_two(tmp_path):
    keys = [bytes(16), bytes(15) + b"\1", b"\1" + bytes(15), bytes(16)]
    first = First(str(tmp_path), 4)
    first.add(keys)
    assert first.find().tolist() == [True, True, True, False]
