import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.download.opt_out import refusal

REFUSED = [
    ("X-Robots-Tag", "noai"),
    ("X-Robots-Tag", "noimageai, noindex"),
    ("x-robots-tag", "NoAI"),
    ("X-Robots-Tag", "none"),
    ("X-Robots-Tag", "noml"),
    ("X-Robots-Tag", "noimageindex"),
    ("X-Robots-Tag", "nofollow, noindex"),
    ("X-Robots-Tag", " noindex "),
    ("X-Robots-Tag", "unavailable_after: 25 Jun 2010 15:00:00 PST, noai"),
    ("X-Robots-Tag", "max-snippet: 20, noai"),
    ("X-Robots-Tag", "max-image-preview:large, noindex"),
    ("X-Robots-Tag", "curate: noai"),
    ("X-Robots-Tag", "Curate: noindex, nofollow"),
    ("X-Robots-Tag", "*: noai"),
    ("X-Robots-Tag", "googlebot: nofollow, curate: noai"),
    ("tdm-reservation", "1"),
    ("TDM-Reservation", " 1 "),
    ("Content-Usage", "train-ai=n"),
    ("Content-Usage", "search=y, train-ai=n"),
    ("Content-Usage", "Train-AI = N"),
]
ALLOWED = [
    ("X-Robots-Tag", "all"),
    ("X-Robots-Tag", "nofollow"),
    ("X-Robots-Tag", "noarchive, nosnippet"),
    ("X-Robots-Tag", "googlebot: noindex"),
    ("X-Robots-Tag", "googlebot: noindex, noai"),
    ("X-Robots-Tag", "otherbot: none"),
    ("X-Robots-Tag", "unavailable_after: 25 Jun 2010 15:00:00 PST"),
    ("X-Robots-Tag", ""),
    ("X-Robots-Tag", "noaiplease"),
    ("tdm-reservation", "0"),
    ("tdm-policy", "1"),
    ("Content-Usage", "train-ai=y"),
    ("Content-Usage", "search=n"),
    ("Content-Type", "noai"),
]


@pytest.mark.parametrize("header", REFUSED)
def test_refused_word_for_word(header):
    assert refusal([("Server", "x"), header]) == f"{header[0]}: {header[1]}"


@pytest.mark.parametrize("header", ALLOWED)
def test_not_refused(header):
    assert refusal([header]) is None


header = st.tuples(
    st.sampled_from(["X-Robots-Tag", "tdm-reservation", "Content-Usage", "Server"]),
    st.sampled_from([h[1] for h in REFUSED + ALLOWED]) | st.text(max_size=20),
)


@given(st.lists(header, max_size=4), st.sampled_from(REFUSED), st.integers(0, 4))
def test_one_more_opt_out_never_turns_refuse_into_accept(headers, more, place):
    assert refusal([*headers[:place], more, *headers[place:]]) is not None
