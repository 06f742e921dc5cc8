"""The map of what was seen is a dict, whatever comes and however little memory it has."""

import hashlib
import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import MachineError
from pipelines.seen import Seen, key_of

HALVES = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1)
KEYS = st.none() | st.tuples(HALVES, HALVES).map(lambda both: struct.pack(">QQ", *both))


def by_a_dict(keys):
    known, found, count = {}, [], 0
    for key in keys:
        found.append(known.get(key) if key is not None else None)
        if found[-1] is None:
            if key is not None:
                known[key] = count
            count += 1
    return found


@settings(max_examples=200, deadline=None)
@given(
    batches=st.lists(st.lists(KEYS, max_size=12), max_size=30),
    held=st.integers(1, 6),
    fan=st.integers(2, 3),
    block=st.integers(1, 4),
)
def test_it_is_a_dict_for_any_stream(tmp_path_factory, batches, held, fan, block):
    seen = Seen(tmp_path_factory.mktemp("seen"), held, fan, block)
    found = [first for batch in batches for first in seen.firsts(batch)]
    assert found == by_a_dict([key for batch in batches for key in batch])


def test_few_runs_stand_for_many_keys(tmp_path):
    seen = Seen(tmp_path, held=100, fan=4, block=64)
    keys = [hashlib.sha256(bytes([i % 256, i // 256])).digest()[:16] for i in range(20_000)]
    for start in range(0, len(keys), 50):
        assert seen.firsts(keys[start : start + 50]) == [None] * 50
    files = list(tmp_path.iterdir())
    assert len(files) <= 3 * 3 * 4 and sum(file.stat().st_size for file in files) == 24 * 20_000
    assert seen.firsts(keys) == list(range(20_000))


def test_hashes_of_the_same_half_are_told_apart_on_both_sides_of_a_fence(tmp_path):
    seen, draw = Seen(tmp_path, held=2_000, fan=2, block=700), random.Random(1)
    keys = [struct.pack(">QQ", draw.choice([*range(900), 2**64 - 1]), draw.randrange(8)) for _ in range(20_000)]
    found = [first for start in range(0, len(keys), 1_000) for first in seen.firsts(keys[start : start + 1_000])]
    assert found == by_a_dict(keys)


def test_a_key_keeps_its_parts_apart_and_is_of_the_text_alone():
    assert key_of("ab", "c") != key_of("a", "bc") and key_of("a") != key_of("a", "")
    assert key_of("http://a/é") == key_of("http://a/é") and len(key_of("\ud800")) == 16


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(MachineError, match="cannot be written"):
        Seen(tmp_path / "gone", held=1).firsts([b"0" * 16])
