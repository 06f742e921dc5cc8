"""URLs are read as browsers read them; what is no URL is refused by name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.schema import Outcome
from pipelines.download.policy import Refused
from pipelines.download.urls import parse_url

NORMAL = [
    ("http://a.example", "http://a.example/"),
    ("http://a.example?x", "http://a.example/?x"),
    ("HTTP://A.Example/Path", "http://a.example/Path"),
    ("http://a.example:80/", "http://a.example/"),
    ("https://a.example:443/", "https://a.example/"),
    ("https://a.example:80/", "https://a.example:80/"),
    ("http://a.example:/x", "http://a.example/x"),
    ("http://a.example./x", "http://a.example/x"),
    ("  http://a.example/x \n", "http://a.example/x"),
    ("http://a.example/a b.jpg", "http://a.example/a%20b.jpg"),
    ("http://a.example/caf\u00e9.jpg", "http://a.example/caf%C3%A9.jpg"),
    ("http://a.example/\u65e5\u672c.jpg?q=\u00fc", "http://a.example/%E6%97%A5%E6%9C%AC.jpg?q=%C3%BC"),
    ("http://a.example/a%20b%2Fc%c3", "http://a.example/a%20b%2Fc%c3"),
    ("http://a.example/100%.jpg", "http://a.example/100%.jpg"),
    ('http://a.example/"<>`', "http://a.example/%22%3C%3E%60"),
    (
        "http://a.example/x?u=http://b.example/?y=1,2&z='",
        "http://a.example/x?u=http://b.example/?y=1,2&z=%27",
    ),
    ("http://a.example/x#frag?ment", "http://a.example/x"),
    ("http://a.example/a/../b/./c", "http://a.example/b/c"),
    ("http://a.example/../../x", "http://a.example/x"),
    ("http://a.example/a/%2e%2E/b", "http://a.example/b"),
    ("http://a.example/a/..", "http://a.example/"),
    ("http://a.example/a.b/..c/d...jpg", "http://a.example/a.b/..c/d...jpg"),
    ("http://a.example\\x\\y?a\\b", "http://a.example/x/y?a\\b"),
    ("http://user:pw@a.example/", "http://a.example/"),
    ("http://user@b.example@a.example/", "http://a.example/"),
    ("http://a.example\\@b.example/", "http://a.example/@b.example/"),
    ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
    ("http://\u65e5\u672c\u8a9e.example/", "http://xn--wgv71a119e.example/"),
    ("http://my_site.a-b.example/", "http://my_site.a-b.example/"),
    ("http://%61.example/", "http://a.example/"),
    ("http://8.8.8.8/", "http://8.8.8.8/"),
    ("http://134744072/", "http://8.8.8.8/"),
    ("http://[2606:4700::0:1111]:443/x", "http://[2606:4700::1111]:443/x"),
    ("http://a.example/x,y;z=1!$&'()*+@:~[1]|", "http://a.example/x,y;z=1!$&'()*+@:~[1]|"),
]


@pytest.mark.parametrize(("text", "url"), NORMAL)
def test_normal_form(text: str, url: str) -> None:
    target = parse_url(text)
    assert target.url == url
    assert parse_url(target.url) == target


BAD = [
    "",
    " ",
    "x",
    "/etc/passwd",
    "C:\\pictures\\a.jpg",
    "a.example/x.jpg",
    "//a.example/x.jpg",
    "file:///etc/passwd",
    "file://a.example/x",
    "ftp://a.example/x",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "s3://bucket/x",
    "pipe:cat /etc/passwd",
    "http:a.example",
    "http:/a.example",
    "http://",
    "http:///x",
    "http://?x",
    "http://user@/",
    "http://a..example/",
    "http://.example/",
    "http://-a.example/",
    "http://a b.example/",
    "http://a<b.example/",
    "http://a%00.example/",
    "http://a%ff.example/",
    "http://a.example:0/",
    "http://a.example:65536/",
    "http://a.example:8o/",
    "http://a.example:-1/",
    "http://a.example:\u0661/",
    "http://a:b:c/",
    "http://[::1/",
    "http://[::1]x/",
    "http://[fe80::1%25eth0]/",
    "http://[not-an-address]/",
    "http://" + "a" * 64 + ".example/",
    "http://" + "abcdefgh." * 40 + "example/",
    "http://a.example/\r\nHost: b.example",
    "http://a.example/x\ny",
    "http://a.example/\x00",
    "http://a.example/\x7f",
    "http://a.example\t/",
    "http://a.exa\nmple/",
    "http://a.example/" + "x" * 100_000,
    "http://a.example/" + "\u00e9" * 3_000,
    "http://a.example/\ud800",
    "http://\u2100.example/",
]


@pytest.mark.parametrize("text", BAD)
def test_bad_urls(text: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_url(text)
    assert refused.value.outcome is Outcome.BAD_URL
    assert refused.value.message and len(refused.value.message) < 100


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://a.example/", "http://a.example?"]))
def test_any_text_is_a_clean_url_or_refused(text: str, prefix: str) -> None:
    try:
        target = parse_url(prefix + text)
    except Refused as refused:
        assert refused.outcome is Outcome.BAD_URL
        return
    assert target.url.isascii() and target.url.isprintable() and " " not in target.url
    assert parse_url(target.url) == target
