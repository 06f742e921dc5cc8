"""RECIPES C1: prompt ensembles, top-k, mean per-class recall, and classes.yaml."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import InputError
from model_training.evaluation.items import Item
from model_training.evaluation.ranking import rank_of
from model_training.evaluation.vectors import unit
from model_training.evaluation.zero_shot import Classes, class_vectors, classification_metrics, zero_shot
from tests.model_training.evaluation.made import Written, colour, png

SEVEN = [f"class {i}" for i in range(7)]


def items(numbers, labels):
    return [Item(f"item {i}", png(n), (), label) for i, (n, label) in enumerate(zip(numbers, labels, strict=True))]


@pytest.mark.parametrize("length", [1, 10])
def test_golden_c1_every_prompt_counts_alike_however_long_its_vector(length):
    encoder = Written(texts={"a cat": (1, 0), "the cat": (0.6 * length, 0.8 * length)})
    found = class_vectors(encoder, Classes(("cat",), ("a {}", "the {}")))
    np.testing.assert_allclose(found, [[0.894427, 0.447214]], atol=1e-6)
    assert found.dtype == np.float32


def test_golden_c1_without_the_first_normalisation_the_long_vector_would_decide():
    encoder = Written(texts={"a cat": (1, 0), "the cat": (6, 8)})
    found = class_vectors(encoder, Classes(("cat",), ("a {}", "the {}")))
    forgotten = unit(encoder.encode_texts(["a cat", "the cat"]).mean(axis=0, keepdims=True), "x")
    np.testing.assert_allclose(forgotten, [[0.658505, 0.752577]], atol=1e-6)
    assert abs(found - forgotten).max() > 0.2


def test_golden_c1_scaling_the_logits_never_changes_the_top_k():
    rng = np.random.default_rng(0)
    logits, own = rng.normal(size=(50, 9)), rng.integers(0, 9, 50)
    for scale in (1e-3, 100, 1e6):
        np.testing.assert_array_equal(rank_of(scale * logits, own), rank_of(logits, own))


def test_class_vectors_do_not_depend_on_the_batch():
    rng = np.random.default_rng(0)
    templates = ("a {}", "the {}", "{}!")
    texts = {t.replace("{}", name): rng.normal(size=5) for name in SEVEN for t in templates}
    results = [class_vectors(Written(texts=texts), Classes(tuple(SEVEN), templates), b) for b in (1, 2, 7, 256)]
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    plain = [
        sum(texts[t.replace("{}", n)] / np.linalg.norm(texts[t.replace("{}", n)]) for t in templates) for n in SEVEN
    ]
    np.testing.assert_allclose(results[0], [v / np.linalg.norm(v) for v in plain], atol=1e-6)


def test_golden_c1_accuracy_and_mean_per_class_recall_of_a_model_that_says_one_class():
    labels = np.array([0, 0, 0, 1])
    found = {m.name: m for m in classification_metrics(labels, labels, 2)}  # predicted 0: the rank is the label
    assert set(found) == {"top1", "mean_per_class_recall"}
    assert found["top1"].value == 0.75 and found["mean_per_class_recall"].value == 0.5
    np.testing.assert_array_equal(found["top1"].hits, [1, 1, 1, 0])
    np.testing.assert_allclose(found["mean_per_class_recall"].hits, [2 / 3, 2 / 3, 2 / 3, 0])
    assert all(m.n == 4 and m.hits.dtype == np.float32 for m in found.values())


def test_top_5_needs_five_classes():
    ranks = np.array([0, 4, 5, 1])
    assert [m.name for m in classification_metrics(ranks % 4, np.arange(4), 4)] == ["top1", "mean_per_class_recall"]
    found = {m.name: m.value for m in classification_metrics(ranks, np.arange(4), 6)}
    assert found["top5"] == 0.75 and found["top1"] == 0.25


def test_a_class_without_items_has_no_recall():
    (_, recall) = classification_metrics(np.array([0, 1]), np.array([0, 2]), 3)
    assert recall.value == 0.5


def test_of_equal_classes_the_lower_number_wins():
    same = np.zeros((3, 3), np.float32)
    assert rank_of(same, np.arange(3)).tolist() == [0, 1, 2]
    encoder = Written({colour(0): (1, 0)}, {"a": (3, 0), "b": (1, 0), "c": (0, 1)})
    for label, value in (("a", 1), ("b", 0)):
        (top1, _) = zero_shot(encoder, items([0], [label]), Classes(("a", "b", "c"), ("{}",)))
        assert top1.value == value
    with pytest.raises(InputError, match="not finite"):
        rank_of(np.array([[np.nan, 0]]), np.array([0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=20), st.data())
def test_rank_is_the_place_in_a_stable_sort_and_scaling_changes_none(rows, data):
    similarity = np.array(rows, np.float32)
    own = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))))
    sorted_ = [sorted(range(4), key=lambda j, row=row: (-row[j], j)) for row in rows]
    expected = [order.index(c) for order, c in zip(sorted_, own, strict=True)]
    assert rank_of(similarity, own).tolist() == expected == rank_of(similarity * 100, own).tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 6), st.randoms(use_true_random=False))
def test_the_mean_of_the_hits_is_the_value_and_order_changes_nothing(seed, n, classes, random):
    rng = np.random.default_rng(seed)
    ranks, labels = rng.integers(0, classes, n), rng.integers(0, classes, n)
    found = classification_metrics(ranks, labels, classes)
    order = random.sample(range(n), n)
    again = classification_metrics(ranks[order], labels[order], classes)
    per_class = [np.mean(ranks[labels == c] == 0) for c in range(classes) if (labels == c).any()]
    assert found[-1].value == pytest.approx(np.mean(per_class))
    for before, after in zip(found, again, strict=True):
        assert before.value == pytest.approx(before.hits.mean(dtype=np.float64), abs=1e-6)
        assert before == after
        np.testing.assert_array_equal(before.hits[order], after.hits)


def planted(count=60):
    """Seven classes in 7 directions, and images near the direction of their class, more or less."""
    rng = np.random.default_rng(1)
    texts = {f"a {name}": np.eye(7)[i] for i, name in enumerate(SEVEN)}
    labels = [SEVEN[i % 7] for i in range(count)]
    images = {colour(i): np.eye(7)[i % 7] + rng.normal(size=7) / 2 for i in range(count)}
    return Written(images, texts), items(range(count), labels), Classes(tuple(SEVEN), ("a {}",))


def test_any_batch_and_order_gives_the_same_and_equals_a_plain_loop():
    encoder, given, classes = planted()
    first = zero_shot(encoder, given, classes)
    top = [int(np.argmax(encoder.images[colour(i)][:7])) == i % 7 for i in range(len(given))]
    assert first[0].value == np.mean(top) and 0.3 < first[0].value < 1 and first[1].value > first[0].value
    np.testing.assert_array_equal(first[0].hits, top)
    for batch in (1, 7, 64):
        assert zero_shot(encoder, given, classes, batch) == first
    order = np.random.default_rng(2).permutation(len(given))
    assert zero_shot(encoder, [given[i] for i in order], classes) == first


def test_images_come_in_batches():
    encoder, given, classes = planted()
    zero_shot(encoder, iter(given), classes, 25)
    assert encoder.calls == [25, 25, 10]


def test_labels_are_names_or_numbers_where_no_name_is_a_number():
    names = Classes(("cat", "dog"), ("{}",))
    assert [names.number(Item("k", b"", (), label)) for label in ("dog", "0", "1")] == [1, 0, 1]
    digits = Classes(("1", "0"), ("{}",))
    assert [digits.number(Item("k", b"", (), label)) for label in ("0", "1")] == [1, 0]
    for classes, label in ((names, "2"), (names, "-1"), (names, "Cat"), (digits, "2")):
        with pytest.raises(InputError, match=f"set: row 5: label '{label}' is not among the 2 classes"):
            classes.number(Item("set: row 5", b"", (), label))
    with pytest.raises(InputError, match="set: row 5: has no label"):
        names.number(Item("set: row 5", b"", (), None))


@pytest.mark.parametrize("vector", [(np.nan, 1), (np.inf, 0), (0, 0)])
def test_a_model_that_diverged_gets_no_score(vector):
    encoder = Written({colour(0): vector}, {"a": (1, 0), "b": (0, 1)})
    with pytest.raises(InputError, match="item 0 and those after it: the model gives vectors that are not finite"):
        zero_shot(encoder, items([0], ["a"]), Classes(("a", "b"), ("{}",)))


def test_classes_yaml(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text('classes: ["{odd}", dog]\ntemplates: ["a {}", "{} - {stock}"]\n')
    found = Classes.load(str(path))
    assert found == Classes(("{odd}", "dog"), ("a {}", "{} - {stock}"))
    assert found.prompts("{odd}") == ["a {odd}", "{odd} - {stock}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes: [a, b\ntemplates: ['{}']", r"classes\.yaml:2:\d+: not YAML"),
        ("", "holds no `classes` and `templates`"),
        ("[a, b]", "holds no `classes` and `templates`"),
        ("classes: []\ntemplates: ['{}']", "`classes` is missing or is no list with something in it"),
        ("classes: [a]", "`templates` is missing"),
        ("classes: a\ntemplates: ['{}']", "`classes` is missing or is no list"),
        ("classes: [b, a, b]\ntemplates: ['{}']", "class 'b' is there twice"),
        ("classes: [yes]\ntemplates: ['{}']", r"classes\[0\] is True, not a text"),
        ("classes: [a, ' ']\ntemplates: ['{}']", r"classes\[1\] is ' ', not a text"),
        ("classes: [a]\ntemplates: ['{}', 'a photo']", "template 'a photo' has not exactly one {}"),
        ("classes: [a]\ntemplates: ['{} {}']", "template '{} {}' has not exactly one {}"),
        ("classes: !!python/object:os.system [a]", "not YAML"),
        ("classes: [2020-13-45]", "not YAML"),
        ("[" * 5000, "not YAML"),
    ],
)
def test_what_is_wrong_with_classes_yaml_is_said(tmp_path, text, message):
    path = tmp_path / "classes.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        Classes.load(str(path))
    assert caught.value.message.startswith(str(path)) and caught.value.hint


def test_no_classes_yaml_and_one_that_is_no_text(tmp_path):
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        Classes.load(str(tmp_path / "none.yaml"))
    (tmp_path / "classes.yaml").write_bytes(b"classes: [caf\xe9]")
    with pytest.raises(InputError, match="not YAML"):
        Classes.load(str(tmp_path / "classes.yaml"))
