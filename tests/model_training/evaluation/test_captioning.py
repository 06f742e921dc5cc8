"""RECIPES C5: the golden numbers, and the scorers of pycocoevalcap where it is there."""

import numpy as np
import pytest

from curate.errors import InputError
from model_training.evaluation.bleu import bleu
from model_training.evaluation.captioning import captioning
from model_training.evaluation.cider_d import cider_d
from model_training.evaluation.rouge_l import common_length, rouge_l
from model_training.evaluation.vqa_accuracy import vqa_accuracy

HORSE, DOGS = "a man rides a white horse", "two dogs play in the park"
BROWN = "a man rides a brown horse"


def split(candidates, references):
    return [c.split() for c in candidates], [[r.split() for r in refs] for refs in references]


def close(value):
    return pytest.approx(value, abs=5e-7)


def test_golden_c5_bleu_takes_the_closest_reference_and_of_equals_the_shorter():
    assert bleu(*split(["a b c d e"], [["a b c d", "a b c d e f"]]))[0] == close(1)  # length 4: no penalty
    assert bleu(*split(["a b c d e"], [["a b c d e f"]])) == close([0.818731] * 4)


def test_golden_c5_bleu_of_candidates_half_as_long():
    found = bleu(*split(["the cat sat"] * 2, [["the cat sat on the mat"]] * 2))
    assert found[:3] == close([0.367879] * 3) and found[3] < 0.1


def test_golden_c5_two_images():
    found = {m.name: m for m in captioning([HORSE, DOGS], [[BROWN], [DOGS]])}
    assert [found[f"bleu_{n}"].value for n in (1, 2, 3, 4)] == close([0.916667, 0.856349, 0.819321, 0.778158])
    assert found["rouge_l"].value == close(0.916667)
    assert found["cider_d"].value == close(7.885417)
    np.testing.assert_allclose(found["cider_d"].hits, [5.770833, 10], atol=1e-6)
    assert all(m.n == 2 for m in found.values()) and found["bleu_4"].hits is None


def test_golden_c5_cider_of_an_identical_corpus():
    def identical(*texts):
        return cider_d(*split(texts, [[text] for text in texts])).mean()

    assert identical(BROWN, DOGS) == close(10)
    assert identical("a man rides", "two dogs play") == close(7.5)
    assert identical(BROWN) == 0  # one image: every n-gram is in all of them
    assert identical(BROWN, BROWN) == 0
    assert bleu(*split(["a man rides", "two dogs play"], [["a man rides"], ["two dogs play"]]))[3] == close(0.031623)


def test_golden_c5_cider_of_a_candidate_that_is_one_of_two_references():
    refs = [[BROWN, "a person on a horse in a field"], [DOGS, "dogs running on green grass"]]
    assert cider_d(*split([BROWN, DOGS], refs)).mean() == close(5.560218)


def test_golden_c5_cider_of_a_caption_said_twice():
    assert cider_d(*split([HORSE, f"{DOGS} {DOGS}"], [[BROWN], [DOGS]]))[1] == close(2.890980)


def test_golden_c5_rouge_takes_precision_and_recall_from_two_references():
    (candidate,), (refs,) = split(["a man rides a horse"], [["the man rides horse", "a man on a big horse"]])
    assert rouge_l(candidate, refs) == close(0.769716)
    assert max(rouge_l(candidate, [ref]) for ref in refs) < 0.75


def test_golden_c5_vqa_accuracy():
    found = [vqa_accuracy("cat", ["cat"] * n + ["dog"] * (10 - n)) for n in range(5)]
    assert found == pytest.approx([0, 0.3, 0.6, 0.9, 1])
    with pytest.raises(InputError):
        vqa_accuracy("cat", ["cat"])


def corpus(images=60):
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in range(12)]

    def sentence():
        return " ".join(rng.choice(words, rng.integers(1, 12)))

    return [sentence() for _ in range(images)], [[sentence() for _ in range(rng.integers(1, 6))] for _ in range(images)]


def test_the_scorers_of_pycocoevalcap_say_the_same():
    bleu_scorer = pytest.importorskip("pycocoevalcap.bleu.bleu_scorer")
    from pycocoevalcap.cider.cider_scorer import CiderScorer
    from pycocoevalcap.rouge.rouge import Rouge

    candidates, references = corpus()
    tokens, refs = split(candidates, references)
    theirs, cider, rouge = bleu_scorer.BleuScorer(n=4), CiderScorer(n=4), Rouge()
    for pair in zip(candidates, references, strict=True):
        theirs += pair
        cider += pair
    assert bleu(tokens, refs) == pytest.approx(theirs.compute_score(option="closest")[0], rel=1e-12)
    np.testing.assert_allclose(cider_d(tokens, refs), cider.compute_score()[1], atol=1e-12)
    for candidate, known, own, own_refs in zip(candidates, references, tokens, refs, strict=True):
        assert rouge_l(own, own_refs) == pytest.approx(rouge.calc_score([candidate], known))


def test_common_length_is_that_of_a_plain_table():
    rng = np.random.default_rng(1)
    for _ in range(50):
        a, b = (rng.integers(0, 4, rng.integers(0, 9)).tolist() for _ in range(2))
        table = np.zeros((len(a) + 1, len(b) + 1), int)
        for i, x in enumerate(a):
            for j, y in enumerate(b):
                table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
        assert common_length(a, b) == table[-1, -1]


def test_empty_candidates_score_nothing_and_odd_sets_are_refused():
    found = {m.name: m.value for m in captioning(["", "."], [[BROWN], [DOGS]])}
    assert all(value == pytest.approx(0, abs=1e-6) for value in found.values())
    for candidates, references in (([], []), (["a"], []), (["a"], [[]])):
        with pytest.raises(InputError, match="references"):
            captioning(candidates, references)
