"""What each header says about training, for us and for others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.download.opt_out import REFUSING_DIRECTIVES, REFUSING_USAGES, refusal

ROBOTS = "X-Robots-Tag"
REFUSED = [
    [(ROBOTS, "noai")],
    [(ROBOTS, "noimageai, noindex")],
    [(ROBOTS, "noindex")],
    [(ROBOTS, "noimageindex")],
    [(ROBOTS, "none")],
    [(ROBOTS, "noml")],
    [(ROBOTS, " NoAI ")],
    [("x-robots-tag", "NOIMAGEAI")],
    [(ROBOTS, "nofollow,noai,nosnippet")],
    [(ROBOTS, "all, noai")],
    [(ROBOTS, "nofollow"), (ROBOTS, "noai")],
    [(ROBOTS, "googlebot: noindex"), (ROBOTS, "noai")],
    [(ROBOTS, "curate: noai")],
    [(ROBOTS, "CURATE: noai")],
    [(ROBOTS, "curate/0.1.0: noai")],
    [(ROBOTS, "*: noai")],
    [(ROBOTS, "googlebot: nofollow, curate: noai")],
    [(ROBOTS, "curate: nofollow, noai")],
    [(ROBOTS, "unavailable_after: 25 Jun 2010 15:00:00 PST, noai")],
    [(ROBOTS, "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT, noai")],
    [(ROBOTS, "unavailable_after: 2010-06-25T15:00:00+00:00, noindex")],
    [(ROBOTS, "noai, unavailable_after: 25 Jun 2010 15:00:00 PST")],
    [(ROBOTS, "curate: unavailable_after: 25 Jun 2010 15:00:00 PST, noai")],
    [(ROBOTS, "max-snippet: -1, max-image-preview: large, noai")],
    [("tdm-reservation", "1")],
    [("TDM-Reservation", " 1 ")],
    [("tdm-reservation", "0, 1")],
    [("tdm-reservation", "1"), ("tdm-policy", "https://a.example/policy.json")],
    [("Content-Usage", "train-ai=n")],
    [("Content-Usage", "search=y, train-ai=n")],
    [("content-usage", "Train-AI = N;exp=1")],
    [("Content-Usage", "search=y"), ("Content-Usage", "train-ai=n")],
    [("Content-Usage", "bots=n")],
    [("Content-Usage", "train-ai=y, train-ai=n")],
]
ALLOWED = [
    [],
    [(ROBOTS, "")],
    [(ROBOTS, "all")],
    [(ROBOTS, "index, follow")],
    [(ROBOTS, "nofollow, nosnippet, noarchive")],
    [(ROBOTS, "googlebot: noindex")],
    [(ROBOTS, "googlebot: noindex, noai")],
    [(ROBOTS, "img2dataset: noai")],
    [(ROBOTS, "curated: noai")],
    [(ROBOTS, "curate: nofollow, googlebot: noai")],
    [(ROBOTS, "max-image-preview: none")],
    [(ROBOTS, "unavailable_after: 25 Jun 2010 15:00:00 PST")],
    [(ROBOTS, "unavailable_after: Fri, 25 Jun 2010 15:00:00 GMT")],
    [(ROBOTS, "noaim, xnoindex, no ai")],
    [("X-Robots", "noai")],
    [("Robots", "noai")],
    [("tdm-reservation", "0")],
    [("tdm-reservation", "10")],
    [("tdm-policy", "https://a.example/policy.json")],
    [("Content-Usage", "train-ai=y")],
    [("Content-Usage", "search=n")],
    [("Content-Usage", "train-ai")],
    [("Content-Type", "image/jpeg"), ("X-Note", "noai")],
]


@pytest.mark.parametrize("headers", REFUSED, ids=repr)
def test_refused(headers: list[tuple[str, str]]) -> None:
    assert refusal(headers, ("curate",)) in [f"{name}: {value}" for name, value in headers]


@pytest.mark.parametrize("headers", ALLOWED, ids=repr)
def test_allowed(headers: list[tuple[str, str]]) -> None:
    assert refusal(headers, ("curate",)) is None


def test_the_kept_text_is_bounded() -> None:
    text = refusal([(ROBOTS, "noai, " + "x" * 100_000)], ("curate",))
    assert text is not None and text.startswith("X-Robots-Tag: noai, xxx") and len(text) <= 500


opt_outs = st.one_of(
    st.sampled_from(sorted(REFUSING_DIRECTIVES)).map(lambda directive: (ROBOTS, directive)),
    st.sampled_from(sorted(REFUSING_DIRECTIVES)).map(lambda directive: (ROBOTS, f"curate: nofollow, {directive}")),
    st.sampled_from(sorted(REFUSING_USAGES)).map(lambda usage: ("Content-Usage", f"{usage}=n")),
    st.just(("tdm-reservation", "1")),
)
words = st.sampled_from(
    [
        "noai",
        "all",
        "googlebot:",
        "curate:",
        "*:",
        "unavailable_after: 1 Jan 2030 10:00:00 GMT",
        ":",
        "none",
        "y=n",
    ]
)
anything = st.tuples(
    st.sampled_from([ROBOTS, "Content-Usage", "tdm-reservation", "Server"]),
    st.one_of(st.text(max_size=20), st.lists(words, max_size=5).map(", ".join)),
)


@given(st.lists(anything, max_size=5), opt_outs, st.integers(0, 5))
def test_an_added_opt_out_always_refuses(headers: list, opt_out: tuple[str, str], at: int) -> None:
    assert refusal([*headers[:at], opt_out, *headers[at:]], ("curate",)) is not None


@given(st.lists(anything, max_size=4), st.lists(anything, max_size=4))
def test_no_header_takes_back_a_refusal(headers: list, more: list) -> None:
    if refusal(headers, ("curate",)) is not None:
        assert refusal(more + headers, ("curate",)) is not None
        assert refusal(headers + more, ("curate",)) is not None
