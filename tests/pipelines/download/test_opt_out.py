"""No header takes back what another refuses. What single headers say is among the cases of tests/hostile."""

from hypothesis import given
from hypothesis import strategies as st

from pipelines.download.opt_out import REFUSING_DIRECTIVES, REFUSING_USAGES, refusal

ROBOTS = "X-Robots-Tag"


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
