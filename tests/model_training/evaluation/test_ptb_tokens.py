"""RECIPES C5, the tokeniser, against the Java program's recorded tokens and, where it is there, against itself."""

import shutil

import pytest

from model_training.evaluation.ptb_tokens import ptb_tokens
from tests.model_training.evaluation.made_captions import RECORDED


def test_golden_c5_commas_and_stops_go():
    assert " ".join(ptb_tokens("A man, riding a horse.")) == "a man riding a horse"


def test_golden_c5_brackets_stay_because_lower_casing_comes_first():
    assert " ".join(ptb_tokens("It's the dog's ball -- (red) ...")) == "it 's the dog 's ball -lrb- red -rrb-"


@pytest.mark.parametrize("text", RECORDED)
def test_tokens_are_those_recorded(text):
    assert ptb_tokens(text) == RECORDED[text].split()


def test_no_words_no_tokens():
    assert ptb_tokens("") == ptb_tokens(" . , !") == ptb_tokens("\n") == []


def test_the_java_program_says_the_same():
    tokenizer = pytest.importorskip("pycocoevalcap.tokenizer.ptbtokenizer")
    if not shutil.which("java"):
        pytest.skip("no Java")
    asked = {number: [{"caption": text}] for number, text in enumerate(RECORDED)}
    found = tokenizer.PTBTokenizer().tokenize(asked)
    assert [texts[0].split() for texts in found.values()] == [ptb_tokens(text) for text in RECORDED]
