import pytest

from curate import schema as c
from curate.errors import InputError
from curate.filters.text_based import TextBased
from curate.subset import decide
from tests.conftest import samples

TEXTS = ["A Cat sits", "a cat, sitting", "concatenate", None, "", "ein Hund", "the dog"]
LANGUAGES = ["en", "en", "en", "en", None, "de", "en"]


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("# animals\ncat\n\nDOG  # barks\nhund\n")
    return str(path)


def reasons(item):
    frame = samples(len(TEXTS), caption=TEXTS, language=LANGUAGES)
    found = decide(frame, [item], {}).table.column(c.REASON).to_pylist()
    return [why and why.removeprefix("text_based.") for why in found]


def test_golden_a6_a_whitespace_word_of_an_english_text_is_in_the_list(listed):
    assert reasons(TextBased(words=listed)) == [
        None, "words", "words", "words:null", "languages:null", "languages", None]  # fmt: skip


def test_words_without_their_marks_and_any_language(listed):
    item = TextBased(words=listed, tokens="words", languages=None)
    assert reasons(item) == [None, None, "words", "words:null", "words", None, None]
    assert item.reads() == {c.CAPTION}


def test_the_list_bears_on_the_answer_and_must_have_words(listed, tmp_path):
    before = TextBased(words=listed).identity()
    (tmp_path / "words.txt").write_text("cow\n")
    assert TextBased(words=listed).identity() != before
    (tmp_path / "words.txt").write_text("# nothing\n")
    for path in (listed, str(tmp_path / "none.txt")):
        with pytest.raises(InputError, match=r"no word|not readable"):
            TextBased(words=path).rules()
