import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.kinds import Evaluation
from tests.model_training.evaluation.made import Written, colour, png, table, tar

WRITTEN = Written(
    {colour(0): (1, 0), colour(1): (0, 1), colour(2): (-1, -0.1)},
    {"right": (1, 0), "up": (0, 1), "both": (1, 1), "again": (2, 0), "left": (-1, -1)},
)
TEXTS = [["right", "up"], ["both", "up", "right"], ["up", "right"]]  # the last by cosines of -.1 and -1


def test_lists_lines_and_a_column_of_negatives_give_the_same(tmp_path):
    images = [png(i) for i in range(3)]
    lists = table(tmp_path / "lists.parquet", images, TEXTS)
    rows = [{"jpg": images[i], "caption": own[0], "negative_caption": own[1:]} for i, own in enumerate(TEXTS)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "columns.parquet")
    members = [m for i in range(3) for m in ((f"{i}.png", images[i]), (f"{i}.txt", "\n".join(TEXTS[i]).encode()))]
    lines = tar(tmp_path / "lines.tar", members)
    for path in (lists, str(tmp_path / "columns.parquet"), lines):
        (found,) = evaluate(WRITTEN, Evaluation("s", "caption_choice", (path,)), batch=2)
        assert (found.name, found.hits.tolist()) == ("caption_choice", [1, 0, 1])


def test_a_tie_is_wrong_and_one_negative_may_be_a_text(tmp_path):
    rows = [{"jpg": png(0), "caption": "right", "negative_caption": "again"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "tie.parquet")
    (found,) = evaluate(WRITTEN, Evaluation("s", "caption_choice", (f"{tmp_path}/tie.parquet",)))
    assert found.value == 0.0


def test_a_real_clip_chooses(tmp_path, encoders):
    data = table(tmp_path / "s.parquet", [png(i) for i in range(9)], [[f"thing {i}", "a dog"] for i in range(9)])
    task = load(Evaluation("s", "caption_choice", (data,)))
    (first,), (second,) = evaluate(encoders[0], task), evaluate(encoders[0], task, batch=2)
    assert first == second and (first.hits == second.hits).all() and first.n == 9


def test_one_caption_is_no_choice(tmp_path):
    one = table(tmp_path / "one.parquet", [png(0)], ["a dog"])
    with pytest.raises(InputError, match="row 0: has not two captions"):
        load(Evaluation("s", "caption_choice", (one,)))
    rows = [{"jpg": png(0), "caption": "right", "negative_caption": None}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "none.parquet")
    with pytest.raises(InputError, match="negative_caption: is None"):
        load(Evaluation("s", "caption_choice", (f"{tmp_path}/none.parquet",)))
