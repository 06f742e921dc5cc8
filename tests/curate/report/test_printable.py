"""What reaches a terminal or a page cannot steer it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.report.printable import JOINERS, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, café, 猫, 😀", "plain text, café, 猫, 😀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("a\u2066b\u2069", "a\\u2066b\\u2069"),
        ("two\nlines\r", "two\\nlines\\r"),
        ("a\u00a0b\tc\u3000d", "a b c d"),
        ("\u2028\x85", "\\u2028\\x85"),
        ("\x00\x07\x9b", "\\x00\\x07\\x9b"),
        ("\ud800", "\\ud800"),
        ("\ufeffx", "\\ufeffx"),
        ("👩\u200d🚀 نمی\u200cخواهم", "👩\u200d🚀 نمی\u200cخواهم"),
        (7, "7"),
    ],
)
def test_spelled_out(text: object, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_no_control_format_or_surrogate_is_left(text: str) -> None:
    for character in printable(text):
        assert character in JOINERS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp", "Co"}
