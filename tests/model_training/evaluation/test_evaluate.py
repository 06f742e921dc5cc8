"""A whole evaluation, by a real encoder and by one that is written down."""

import json

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.evaluate import Evaluation, content, evaluate, load
from model_training.evaluation.items import DecodedItem, Item, Room
from tests.conftest import picture
from tests.model_training.evaluation.made import Written, colour, png, table, tar

CLASSES = ["red", "green", "blue", "dark", "light"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """The same 23 pictures as a table and as two tars, and classes.yaml."""
    folder = tmp_path_factory.mktemp("sets")
    images = [picture(i, (60 + i, 50)) for i in range(23)]
    captions = [[f"thing number {i}", f"picture {i * i}"] for i in range(23)]
    labels = [CLASSES[i * i % 5] for i in range(23)]
    members = [
        member
        for i in range(23)
        for member in (
            (f"{i:03}.jpg", images[i]),
            (f"{i:03}.json", {"texts": [{"text": text} for text in captions[i]], "label": labels[i]}),
        )
    ]
    (folder / "classes.yaml").write_text(json.dumps({"classes": CLASSES, "templates": ["a {}.", "photo of {}"]}))
    table(folder / "all.parquet", images, captions, labels)
    tar(folder / "0.tar", members[:20])
    tar(folder / "1.tar", members[20:])
    return folder


def pair(sets, data):
    return (
        Evaluation("objects", "zero_shot", (f"{sets}/{data}",), f"{sets}/classes.yaml"),
        Evaluation("pairs", "retrieval", (f"{sets}/{data}",)),
    )


def same(first, second):
    assert first == second
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.hits, b.hits)


def test_a_table_and_tars_give_equal_results(encoders, sets):
    zero_shot, retrieval = pair(sets, "all.parquet")
    names = {"top1", "top5", "mean_per_class_recall"}
    assert {m.name for m in evaluate(encoders[0], zero_shot)} == names
    assert all(m.hits.shape == (23,) for m in evaluate(encoders[0], retrieval))
    for by_table, by_tar in zip((zero_shot, retrieval), pair(sets, "?.tar"), strict=True):
        same(evaluate(encoders[0], by_table), evaluate(encoders[0], by_tar))


@pytest.mark.parametrize("budget", [0, 100_000, 1 << 30])
def test_a_loaded_evaluation_gives_the_same_whatever_it_holds(encoders, sets, budget):
    for evaluation in pair(sets, "all.parquet"):
        loaded = load(evaluation, Room(budget))
        decoded = [isinstance(item, DecodedItem) for item in loaded.items]
        assert decoded == sorted(decoded, reverse=True)
        assert sum(4 * i.pixels.width * i.pixels.height for i in loaded.items if isinstance(i, DecodedItem)) <= budget
        assert any(decoded) is (budget > 0) and all(decoded) is (budget > 1_000_000)
        for encoder in encoders:
            same(evaluate(encoder, loaded), evaluate(encoder, evaluation))


def test_two_models_differ(encoders, sets):
    loaded = load(pair(sets, "all.parquet")[1])
    first, second = (evaluate(encoder, loaded) for encoder in encoders)
    assert any((a.hits != b.hits).any() for a, b in zip(first, second, strict=True))


def test_images_are_decoded_once_for_several_encoders(sets, monkeypatch):
    calls = []
    plain = Item.rgb
    monkeypatch.setattr(Item, "rgb", lambda item: calls.append(item.key) or plain(item))
    given = table(sets / "small.parquet", [png(i) for i in range(5)], ["a", "b", "a", "b", "a"])
    loaded = load(Evaluation("e", "retrieval", (given,)))
    for _ in range(3):
        evaluate(Written({colour(i): (1, i) for i in range(5)}, {"a": (1, 0), "b": (0, 1)}), loaded)
    assert len(calls) == 5


def test_what_cannot_be_used_is_refused_before_a_model_is_asked(sets):
    images = [png(0), png(1)]
    labels = table(sets / "labels.parquet", images, labels=["red", "mauve"])
    with pytest.raises(InputError, match=r"labels\.parquet: row 1: label 'mauve' is not among the 5 classes"):
        load(Evaluation("e", "zero_shot", (labels,), f"{sets}/classes.yaml"))
    with pytest.raises(InputError, match=r"labels\.parquet: row 0: has no caption"):
        load(Evaluation("e", "retrieval", (labels,)))
    with pytest.raises(InputError, match="evaluation 'e': zero_shot has no classes"):
        load(Evaluation("e", "zero_shot", (labels,)))
    damaged = table(sets / "damaged.parquet", [png(0), png(1)[:40]], ["a", "b"])
    with pytest.raises(InputError, match=r"damaged\.parquet: row 1: "):
        load(Evaluation("e", "retrieval", (damaged,)))


def test_content_follows_the_bytes_and_their_order_and_not_the_names(tmp_path):
    paths = [table(tmp_path / f"{i}.parquet", [png(i)]) for i in range(2)]
    copy = tmp_path / "copy.parquet"
    copy.write_bytes((tmp_path / "0.parquet").read_bytes())
    (tmp_path / "c.yaml").write_text("a")
    (tmp_path / "d.yaml").write_text("b")

    def of(*data, classes=None):
        return content(Evaluation("any", "zero_shot", data, classes and str(tmp_path / classes)))

    assert of(*paths) == of(str(copy), paths[1]) == of(f"{tmp_path}/[01].parquet") and len(of(*paths)) == 64
    different = [
        of(*paths),
        of(*paths[::-1]),
        of(paths[0]),
        of(paths[0], classes="c.yaml"),
        of(paths[0], classes="d.yaml"),
    ]
    assert len(set(different)) == 5
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        of(paths[0], classes="none.yaml")
    with pytest.raises(InputError, match="there is no such file"):
        of(str(tmp_path / "none.parquet"))
