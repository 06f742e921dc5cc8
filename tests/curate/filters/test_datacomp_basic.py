import pytest

from curate import schema as c
from curate.filters.datacomp_basic import DataCompBasic
from curate.subset import decide
from tests.conftest import samples

GOOD = {c.LANGUAGE: "en", c.WHITESPACE_WORDS: 3, c.CHARS: 6, c.ORIGINAL_WIDTH: 600, c.ORIGINAL_HEIGHT: 200}


def reason(**changed):
    row = {name: [value] for name, value in {**GOOD, **changed}.items()}
    return decide(samples(1, **row), [DataCompBasic()], {}).table.column(c.REASON).to_pylist()[0]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({}, None),
        ({c.WHITESPACE_WORDS: 2}, "words"),
        ({c.CHARS: 5}, "chars"),
        ({c.ORIGINAL_WIDTH: 199, c.ORIGINAL_HEIGHT: 199}, "min_short_side"),
        ({c.ORIGINAL_WIDTH: 601}, "max_aspect_ratio"),  # 3.005
        ({c.ORIGINAL_WIDTH: 200, c.ORIGINAL_HEIGHT: 600}, None),
        ({c.LANGUAGE: "de"}, "language"),
        ({c.LANGUAGE: None}, "language:null"),
    ],
)
def test_golden_a6_basic(changed, rule):
    assert reason(**changed) == (rule and f"datacomp_basic.{rule}")
