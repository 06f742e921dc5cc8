"""Tables that Arrow reads and Python cannot hold, and columns that nobody asks for."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import load
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.rows import read_rows
from tests.model_training.evaluation.made import png

BAD = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], np.int32)), pa.py_buffer(b"\xff\xfe")])
LATE = pa.array([2**62], pa.timestamp("ms"))  # beyond year 9999
PAIRS = {"image_0": [png(0)], "image_1": [png(1)], "caption_0": ["a"], "caption_1": ["b"]}


def written(path, columns):
    pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("retrieval", {"jpg": [png(0)], "caption": BAD}),
        ("caption_choice", {"jpg": [png(0)], "caption": ["a"], "negative_caption": BAD}),
        ("winoground", {**PAIRS, "caption_1": BAD}),
        ("winogavil", {"cue": BAD, "images": [[png(0)]], "associations": [[0]]}),
        ("winoground", {**PAIRS, "caption_1": LATE}),
        ("retrieval", {"jpg": [png(0)], "caption": LATE}),
    ],
)
def test_what_python_cannot_hold_is_an_error_with_its_file(tmp_path, kind, columns):
    path = written(tmp_path / "t.parquet", columns)
    with pytest.raises(InputError, match=r"t\.parquet: not readable as Parquet") as error:
        load(Evaluation("a", kind, (path,)))
    assert error.value.hint


@pytest.mark.parametrize("kind", ["retrieval", "caption_choice", "winoground", "winogavil"])
def test_a_file_that_is_no_parquet_is_refused_by_every_kind(tmp_path, kind):
    (tmp_path / "junk.parquet").write_bytes(b"PAR1junkjunkPAR1")
    with pytest.raises(InputError, match="not readable as Parquet"):
        load(Evaluation("a", kind, (f"{tmp_path}/junk.parquet",)))


def test_other_columns_are_not_read(tmp_path):
    path = written(tmp_path / "t.parquet", {**PAIRS, "when": LATE, "large": [b"x" * 1000]})
    assert len(load(Evaluation("a", "winoground", (path,))).captions) == 2
    ((_, row),) = read_rows((path,), ("caption_0",), ("large", "absent"))
    assert row == {"caption_0": "a", "large": b"x" * 1000}
