import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.kinds import Evaluation
from tests.model_training.evaluation.made import Written, colour, png

WRITTEN = Written(
    {colour(0): (1, 0), colour(1): (0, 1), colour(2): (1, 0), colour(3): (3, 1)},
    {"right": (1, 0), "up": (0, 1), "both": (1, 1)},
)


def asked(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return Evaluation("w", "winoground", (str(path),))


def item(images, captions, as_struct=False):
    pictures = [{"bytes": png(i), "path": "x.png"} if as_struct else png(i) for i in images]
    return {"id": 7, "image_0": pictures[0], "image_1": pictures[1], "caption_0": captions[0], "caption_1": captions[1]}


@pytest.mark.parametrize("as_struct", [False, True])
def test_text_image_and_group_score_of_written_vectors(tmp_path, as_struct):
    rows = [item((0, 1), ("right", "up"), as_struct), item((2, 3), ("right", "both"), as_struct)]
    # second: cosines (1, .71), (.95, .89): image 1 prefers caption 0, and each caption its own image
    found = evaluate(WRITTEN, asked(tmp_path / "w.parquet", rows), batch=3)
    assert {m.name: m.hits.tolist() for m in found} == {
        "text_score": [1, 0],
        "image_score": [1, 1],
        "group_score": [1, 0],
    }


def test_a_real_clip_gives_the_same_at_once_and_one_by_one(tmp_path, encoders):
    rows = [item((2 * i, 2 * i + 1), (f"thing {i}", f"other thing {i * i}")) for i in range(6)]
    task = load(asked(tmp_path / "w.parquet", rows))
    assert evaluate(encoders[0], task) == evaluate(encoders[0], task, batch=1) and len(task.images) == 12


def test_what_is_not_winoground_is_refused(tmp_path):
    row = item((0, 1), ("a", "b"))
    for wrong, message in (
        ({**row, "image_1": None}, "row 0: image_1: holds no image bytes"),
        ({**row, "caption_0": " "}, "row 0: caption_0: is ' ', not a text"),
        ({k: v for k, v in row.items() if k != "caption_1"}, "no column 'caption_1'"),
        ({**row, "image_0": b"no picture"}, "row 0: image_0: "),
    ):
        with pytest.raises(InputError, match=message):
            load(asked(tmp_path / "w.parquet", [wrong]))
    (tmp_path / "w.tar").write_bytes(b"")
    with pytest.raises(InputError, match=r"w\.tar: not a \.parquet"):
        load(Evaluation("w", "winoground", (f"{tmp_path}/w.tar",)))
    empty = pa.Table.from_pylist([row]).slice(0, 0)
    pq.write_table(empty, tmp_path / "e.parquet")
    with pytest.raises(InputError, match="holds no row"):
        load(Evaluation("w", "winoground", (f"{tmp_path}/e.parquet",)))
