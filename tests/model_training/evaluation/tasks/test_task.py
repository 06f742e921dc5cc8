"""Memory does not grow with an evaluation: what there is no room for is read for each model, and judged alike."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from curate.errors import InputError
from model_training.evaluation.evaluate import evaluate, load
from model_training.evaluation.items import Item, OnDisk, Room
from model_training.evaluation.kinds import Evaluation
from model_training.evaluation.tasks.task import ROOM
from tests.model_training.evaluation.made import png

IMAGES, NAMES = [png(i) for i in range(10)], [f"thing {i}" for i in range(10)]
COLUMNS = {
    "retrieval": {"jpg": IMAGES, "caption": [[name, f"a {name}"] for name in NAMES]},
    "captioning": {"jpg": IMAGES, "caption": [[name, f"a {name}"] for name in NAMES]},
    "caption_choice": {"jpg": IMAGES, "caption": NAMES, "negative_caption": [["a dog"], *[["a cat", "sky"]] * 9]},
    "winoground": {"image_0": IMAGES, "image_1": IMAGES[::-1], "caption_0": NAMES, "caption_1": NAMES[::-1]},
    "winogavil": {"cue": NAMES, "images": [IMAGES[i:] or IMAGES for i in range(10)], "associations": [[0]] * 10},
    "zero_shot": {"jpg": IMAGES, "label": NAMES},
    "several": {"jpg": IMAGES, "label": [[name, NAMES[0]] for name in NAMES]},
}


class Echo:
    """Writes what it is given to tell a draw by."""

    def caption(self, images, uids):
        return [f"a thing {uid[:2]}" for uid in uids]


def asked(folder, kind, **changes):
    path = folder / f"{kind}.parquet"
    pq.write_table(pa.table({**COLUMNS[kind], **changes}), path)
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": NAMES, "templates": ["{}"]}))
    kind = {"several": "zero_shot"}.get(kind, kind)
    return Evaluation("e", kind, (str(path),), f"{folder}/classes.yaml" if kind == "zero_shot" else None)


def held(task):
    return getattr(task, "items", None) or task.images


@pytest.mark.parametrize("kind", COLUMNS)
def test_what_is_read_for_each_model_gives_the_same_and_holds_no_image(tmp_path, kind, encoders):
    model, evaluation = Echo() if kind == "captioning" else encoders[0], asked(tmp_path, kind)
    kept, read = load(evaluation), load(evaluation, Room(1 << 30, 0))
    assert isinstance(held(kept), tuple) and isinstance(held(read), OnDisk)
    assert not any(isinstance(one, Item) and one.image for value in vars(read).values() for one in _items(value))
    for batch in (3, 64):
        first, again, third = (evaluate(model, task, batch) for task in (kept, read, read))
        assert first == again == third and first
        for one, other in zip(first, again, strict=True):
            assert (one.hits is None) is (other.hits is None) and (one.hits is None or (one.hits == other.hits).all())


def _items(value):
    return value if isinstance(value, tuple) else ()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("retrieval", {"caption": [*NAMES[:9], " "]}),
        ("captioning", {"caption": [*NAMES[:9], None]}),
        ("caption_choice", {"negative_caption": [*NAMES[:9], ""]}),
        ("winoground", {"image_1": [*IMAGES[:9], None]}),
        ("winogavil", {"images": [*[IMAGES] * 9, [None]]}),
        ("zero_shot", {"label": [*NAMES[:9], "unknown"]}),
        ("several", {"label": [*[[name] for name in NAMES[:9]], ["unknown"]]}),
    ],
)
def test_what_is_wrong_is_told_before_a_model_is_asked_held_or_not(tmp_path, kind, changes):
    for room in (ROOM, Room(0, 0)):
        with pytest.raises(InputError, match="row 9"):
            load(asked(tmp_path, kind, **changes), room)


def test_evaluations_that_are_loaded_together_share_the_room():
    assert Room(12, 6).shared(3) == Room(4, 2) and Room(12, 6).shared(0) == Room(12, 6)
