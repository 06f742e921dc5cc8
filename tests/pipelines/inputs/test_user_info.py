"""No file of a run holds a password, however the URL that brought it is written."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.download.policy import Refused
from pipelines.download.urls import parse_url
from pipelines.inputs.rows import USER_INFO, without_user


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://me:secret@host/x.jpg", "http://host/x.jpg"),
        ("HTTPS://secret@host:81/", "HTTPS://host:81/"),
        ("http://a@b:secret@host/p@q", "http://host/p@q"),
        (r"http:\\secret@host\x", r"http:\\host\x"),
        ("http://host/a@b?c@d#e@f", "http://host/a@b?c@d#e@f"),
        ("http://host?mail=me@there", "http://host?mail=me@there"),
        ("ftp://secret@host/", "ftp://host/"),
        ("mailto:me@there", "mailto:me@there"),
        ("", ""),
        (None, None),
    ],
)
def test_user_info_is_cut_from_the_authority_alone(url, kept):
    assert without_user(url) == kept
    column = pc.replace_substring_regex(pa.array([url], pa.string()), USER_INFO, r"\1")
    assert column.to_pylist() == [kept]


@given(st.text(alphabet="ab:@/\\?#[].é ", max_size=30))
def test_what_is_asked_for_is_the_same_without_it(rest):
    def target(url):
        try:
            return parse_url(url)
        except Refused as refused:
            return refused.outcome

    url = f"http://{rest}"
    assert target(without_user(url)) == target(url)
