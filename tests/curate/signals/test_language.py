import pytest

from curate import schema as c
from curate.signals import Batch
from curate.signals.language import Language

TEXTS = {
    "a red circle on the grass near a house": "en",
    "ein roter Kreis auf der Wiese neben einem Haus": "de",
    "un cercle rouge sur l'herbe près de la maison": "fr",
    "un círculo rojo sobre la hierba junto a la casa": "es",
    "красный круг на траве рядом с домом": "ru",
    "草の上の赤い円と家": "ja",
    "草地上的红色圆圈和房子": "zh",
}


def measured(texts):
    return Language().measure(Batch([""] * len(texts), texts)).to_pylist()


def test_plain_sentences_are_told_apart():
    found = measured(list(TEXTS))
    assert [row[c.LANGUAGE] for row in found] == list(TEXTS.values())
    assert all(0.3 < row[c.LANGUAGE_SCORE] <= 1 for row in found)


def test_capitals_and_line_breaks_change_nothing():
    text = "ein roter Kreis auf der Wiese neben einem Haus"
    plain, capitals, broken = measured([text.lower(), text.upper(), text.lower().replace(" ", "\r\n")])
    assert plain == capitals == broken


def test_the_whole_text_counts_and_not_its_start():
    (found,) = measured(["Hello, " + " ".join(["und hier steht ein langer deutscher Satz"] * 20)])
    assert found[c.LANGUAGE] == "de"


@pytest.mark.parametrize("text", [None, "", "  ", "2015-03-04", "!!! ★", "\0"])
def test_no_letter_no_language(text):
    assert measured([text]) == [{c.LANGUAGE: None, c.LANGUAGE_SCORE: None}]


def test_odd_texts_do_no_harm():
    for row in measured(["a\0b", "\u2028", "ꙮ", "__label__en", "a" * 100_000, "\ufeffx", "\u202ecba", "é" * 3]):
        assert (row[c.LANGUAGE] is None) == (row[c.LANGUAGE_SCORE] is None)


def test_the_model_bears_on_the_value():
    assert Language().identity() == ("8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83",)


def test_all_of_a_batch_are_asked():
    assert measured([]) == []
    assert len(measured(["a"] * 300)) == 300
