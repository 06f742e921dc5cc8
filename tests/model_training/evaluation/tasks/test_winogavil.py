import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.kinds import Evaluation
from tests.model_training.evaluation.made import Written, colour, png

WRITTEN = Written(
    {**{colour(i): (1, i) for i in range(10)}},
    {"A wolf": (1, 0), "An apple": (0, 1)},
)


def asked(path, rows):
    pq.write_table(pa.Table.from_pylist(rows), path)
    return Evaluation("g", "winogavil", (str(path),))


def row(cue, images, associations, column="images"):
    return {"cue": cue, column: [png(i) for i in images], "associations": associations}


@pytest.mark.parametrize("column", ["images", "candidates"])
def test_golden_c6_as_many_are_chosen_as_are_meant(tmp_path, column):
    rows = [
        row("Wolf", (0, 1, 2, 3), [0, 2], column),  # {0, 1} chosen, {0, 2} meant: 1/3
        row("apple", range(10), [9, 8], column),
    ]
    found = evaluate(WRITTEN, asked(tmp_path / "g.parquet", rows), batch=3)
    assert [(m.name, m.value) for m in found] == [
        ("jaccard", pytest.approx(2 / 3)),
        ("jaccard_10_to_12", 1.0),
    ]
    assert found[0].hits.tolist() == pytest.approx([1 / 3, 1])


def test_a_real_clip_is_judged(tmp_path, encoders):
    task = load(asked(tmp_path / "g.parquet", [row(f"thing {i}", range(i, i + 5), [0, 3]) for i in range(4)]))
    assert evaluate(encoders[0], task) == evaluate(encoders[0], task, batch=2)
    assert task.cues[0] == "A thing 0" and len(task.images) == 20


def test_what_is_not_winogavil_is_refused(tmp_path):
    for wrong, message in (
        (row("wolf", (0, 1), [2]), r"associations is \[2\], and there are 2 images"),
        (row("wolf", (0, 1), ["x"]), r"associations is \['x'\]"),
        (row("wolf", (0, 1), []), r"associations is \[\]"),
        (row("wolf", (0, 1), [0], "pictures"), "there are 0 images"),
        (row("wolf", (0, 1), [True]), r"associations is \[True\]"),
        ({"cue": "wolf", "images": 5, "associations": [0]}, "there are 0 images"),
        ({"cue": "wolf", "images": [5], "associations": [0]}, "image 0: holds no image bytes"),
        (row(" ", (0, 1), [0]), "cue: is ' ', not a text"),
        ({"images": [png(0)], "associations": [0]}, "no column 'cue'"),
    ):
        with pytest.raises(InputError, match=message):
            load(asked(tmp_path / "g.parquet", [wrong]))
