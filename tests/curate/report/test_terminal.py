"""The terminal's rendering: the numbers are there, it fits, and data cannot steer the terminal."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from curate.report.evidence import Evidence
from curate.report.statistics import statistics
from curate.report.terminal import render_terminal, sparkline

HOSTILE = (
    "\x1b[31m\x1b]0;pwned\x07 [bold red]markup[/] [link=file:///etc/passwd]x[/link] \u202egpj \x9b2J \r\n\x08 \u2028"
)


def rendered(evidence: Evidence, *, color: bool = False) -> str:
    out = io.StringIO()
    Console(file=out, width=100, force_terminal=color, color_system="truecolor" if color else None).print(
        render_terminal(statistics(evidence))
    )
    return out.getvalue()


def test_shows_the_numbers_within_the_width(ten: Evidence, run: Evidence) -> None:
    text = rendered(ten)
    assert "10 asked" in text
    assert "3 kept" in text
    assert "adds up" in text
    for line in (text + rendered(run)).splitlines():
        assert len(line) <= 100


def test_an_empty_pool_is_said_so(empty: Evidence) -> None:
    assert "The pool is empty" in rendered(empty)


@pytest.mark.parametrize("name", ["ten", "run"])
def test_no_raw_control_characters(
    name: str, request: pytest.FixtureRequest, with_everywhere: Callable[[Evidence, str], Evidence]
) -> None:
    text = rendered(with_everywhere(request.getfixturevalue(name), HOSTILE))
    assert all(character == "\n" or character.isprintable() for character in text)
    assert "[bold red]markup[/]" in text  # shown, not obeyed
    assert "\\x1b[31m" in text


def test_colours_come_from_us_alone(run: Evidence, with_everywhere: Callable[[Evidence, str], Evidence]) -> None:
    text = rendered(with_everywhere(run, HOSTILE), color=True)
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x1b]8" not in text  # no link from data


def test_sparkline_shows_every_bin_with_something_in_it() -> None:
    assert sparkline({"kept": [0, 1, 1000], "dropped": [0, 0, 0]}) == " ▁█"
    assert len(sparkline({"kept": [1] * 60, "dropped": [0] * 60})) <= 24
