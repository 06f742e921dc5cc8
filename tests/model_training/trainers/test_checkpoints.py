"""The newest state that verifies wins; two are kept; what is torn, damaged or another's is not seen."""

import pytest

from curate.errors import InputError
from curate.files import Folder
from model_training.data.order import Position
from model_training.trainers.checkpoints import Standing, States


def states(root, identity="me"):
    return States(Folder(str(root)), "train/0/state", identity)


def standing(step):
    return Standing(step, Position(step, 3), [0.5, step + 0.1], 1, 0, 2, 3.5)


@pytest.fixture(params=["local", "memory"])
def root(request, tmp_path):
    return tmp_path if request.param == "local" else f"memory://{tmp_path.name}"


def test_what_was_saved_is_what_is_loaded_and_two_are_kept(root):
    mine = states(root)
    assert mine.newest() is None
    for step in (5, 40, 300):
        mine.save(standing(step), b"tensors %d" % step)
    assert mine.newest() == 300
    assert mine.load(300) == (standing(300), b"tensors 300")
    assert mine.load(40) == (standing(40), b"tensors 40")
    assert len(mine.folder.names(mine.under)) == 4
    mine.clear()
    assert mine.folder.names(mine.under) == [] and mine.newest() is None


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("000000020.safetensors", lambda data: data[:-1]),
        ("000000020.safetensors", lambda data: b"x" + data[1:]),
        ("000000020.safetensors", None),
        ("000000020.json", lambda data: data[:20]),
        ("000000020.json", lambda data: b"[]"),
        ("000000020.json", None),
    ],
)
def test_a_damaged_newest_state_gives_way_to_the_one_before(root, name, damage):
    mine = states(root)
    mine.save(standing(10), b"ten")
    mine.save(standing(20), b"twenty")
    place = f"{mine.under}/{name}"
    if damage:
        mine.folder.write(place, damage(mine.folder.read(place)))
    else:
        mine.folder.remove(place)
    assert mine.newest() == 10
    with pytest.raises(InputError):
        mine.load(20)
    mine.save(standing(15), b"fifteen")
    assert mine.newest() == 15
    assert sorted(mine.folder.names(mine.under)) == [
        f"0000000{s}.{e}" for s in (10, 15) for e in ("json", "safetensors")
    ]


def test_another_identitys_states_are_not_seen_and_go_with_the_next_save(root):
    states(root, "other").save(standing(90), b"theirs")
    mine = states(root)
    assert mine.newest() is None
    mine.save(standing(1), b"mine")
    assert mine.newest() == 1 and states(root, "other").newest() is None
