"""Pages to rows: known tables, html5lib as an independent parser, and any bytes at all."""

import time
from collections import Counter

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.extract.charset import decoded
from pipelines.extract.html import Answer, Reader, feed, read_page
from pipelines.extract.rows import MAX_TITLE
from tests.pipelines.extract.pages import PAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.url)
def test_a_page_of_a_real_shape_gives_the_known_rows(page):
    fields = {name.lower(): value for name, value in page.headers.items()}
    charset = "utf-8" if "UTF-8" in fields["content-type"] else None
    found = read_page(page.body, Answer(page.url, charset, fields.get("content-language")))
    assert found.rows == page.rows
    counts = found.counts
    assert (counts.images, counts.no_alt, counts.bad_url) == (page.images, page.no_alt, page.bad_url)
    assert counts.images == len(found.rows) + counts.no_alt + counts.bad_url


def by_html5lib(text: str) -> Counter:
    """The attributes of every img of the tree that the HTML standard builds."""
    tree = html5lib.parse(text, namespaceHTMLElements=False)
    return Counter(frozenset((str(k), v) for k, v in item.attrib.items()) for item in tree.iter("img"))


def by_us(text: str) -> Counter:
    class Every(Reader):
        found: Counter

        def start(self, tag, attributes):
            if tag == "img":
                self.found[frozenset(attributes.items())] += 1

    reader = Every()
    reader.found = Counter()
    feed(text, reader)
    return reader.found


@pytest.mark.parametrize("page", [p for p in PAGES if b"<template" not in p.body], ids=lambda page: page.url)
def test_images_and_their_attributes_are_those_of_the_standards_tree(page):
    text, _ = decoded(page.body, None)
    assert by_us(text) == by_html5lib(text)


PIECES = [
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<div class='a b'>",
    "</div>",
    "<table><tr>",
    "</table>",
    "<!-- c -->",
    "a<b",
    "&amp;",
]
PIECES += [
    "<img src=a.jpg alt=x>",
    "<IMG ALT='q&quot;r' SRC=\"b.jpg\"/>",
    "<img alt=\"a > b\" src='&#x41;&lt;'>",
    "<!--<img alt=1>-->",
]
PIECES += [
    "<script>'<img src=no>'</script>",
    "<style><img></style>",
    "<textarea><img></textarea>",
    "<title><img></title>",
]
PIECES += [
    "<noscript><img src=n alt=n></noscript>",
    "<picture><source srcset=s><img></picture>",
    "<img alt='&notit; &not &copy=1'>",
]
PIECES += [
    "<a href=x",
    "<img src=1 src=2 alt = 'x y' DATA-Src=é>",
    "<iframe><img></iframe>",
    "</",
    "<!",
    "<?php <img> ?>",
    "<img",
    ">",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_any_soup_has_the_images_that_html5lib_finds(pieces):
    text = "<!doctype html><body>" + "".join(pieces)
    assert by_us(text) == by_html5lib(text)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=400)
    | st.lists(st.sampled_from([p.encode() for p in PIECES]) | st.binary(max_size=6)).map(b"".join)
)
@example(b"")
@example(b"\0")
@example(b"\xff\xfe<")
@example(b"<img alt=x src=http://[")
@example("<img alt=x src='http://a/\ud800'>".encode("utf-8", "surrogatepass"))
def test_no_bytes_raise_and_every_image_is_counted_once(body):
    for url in (None, "http://a.example/"):
        found = read_page(body, Answer(url, "shift_jis" if len(body) % 2 else None))
        counts = found.counts
        assert counts.images == len(found.rows) + counts.no_alt + counts.bad_url
        for row in found.rows:
            assert (
                row.caption and row.url.isascii() and row.url.startswith(("http://", "https://")) and "#" not in row.url
            )


HOSTILE = {
    "deep": b"<div>" * 500_000,
    "formatting": b"".join(b"<b id=%d><p>" % i for i in range(50_000)),
    "attributes": b"<img " + b" ".join(b"a%d=1" % i for i in range(300_000)) + b">",
    "one attribute": b'<p class="' + b"x" * 9_000_000 + b'">',
    "templates": b"<template>" * 100_000 + b"</template>" * 100_000,
    "no end": b"<p title='" * 3,
    "srcset": b'<img alt=x srcset="' + b"a 1w," * 500_000 + b'">',
    "commas": b'<img alt=x srcset="' + b"," * 3_000_000 + b'">',
    "parentheses": b'<img alt=x srcset="a ' + b"(" * 3_000_000 + b'">',
    "sources": b"<picture>" + b"<source>" * 200_000,
    "picture": b"<picture>" + b"<source><img alt=x>" * 2_000,
    "metas": b"<meta charset=none>" * 200_000,
    "newlines in a URL": b"<img alt=x src='" + b"\n" * 3_000_000 + b"'>",
    "title": b"<title>" + b"x" * 5_000_000 + b"</title>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_time_that_grows_with_its_size_only(name):
    began = time.process_time()
    found = read_page(HOSTILE[name] + b"<img src=a.jpg alt=b>", Answer("http://a.example/"))
    assert time.process_time() - began < 10
    assert len(found.title or "") <= MAX_TITLE


def test_a_page_without_a_known_url_is_where_it_says_it_is():
    image = b'<img src="a.jpg" alt="x"><img src="http://b.example/b.jpg" alt="y">'
    for head, url in (
        (b'<link rel="canonical" href="https://a.example/p/">', "https://a.example/p/a.jpg"),
        (b'<meta property="og:url" content="https://a.example/p/q">', "https://a.example/p/a.jpg"),
        (b'<base href="https://a.example/">', "https://a.example/a.jpg"),
        (b'<link rel="canonical" href="https://a.example/p/"><base href="../up/">', "https://a.example/up/a.jpg"),
    ):
        found = read_page(head + image, Answer())
        assert [row.url for row in found.rows] == [url, "http://b.example/b.jpg"] and found.rows[0].page
    nowhere = read_page(image, Answer())
    assert [(row.url, row.page) for row in nowhere.rows] == [("http://b.example/b.jpg", None)]
    assert nowhere.counts.bad_url == 1


def test_images_without_alt_text_are_kept_when_asked_for():
    found = read_page(
        b"<img src=/a.jpg><img src=/b.jpg alt=' '><img src=data:, alt=>", Answer("http://a.example"), True
    )
    assert [(row.url, row.caption) for row in found.rows] == [
        ("http://a.example/a.jpg", ""),
        ("http://a.example/b.jpg", ""),
    ]
    assert found.counts.no_alt == 0 and found.counts.bad_url == 1


@pytest.mark.parametrize(
    ("body", "header", "text"),
    [
        ("é".encode(), None, "é"),
        (b"\xe9", "ISO-8859-1", "é"),
        (b"\x80", "latin1", "€"),
        (b"\xef\xbb\xbf\xc3\xa9", "latin1", "é"),
        ("é".encode("utf-16"), None, "é"),
        ("<meta charset=windows-1251>ж".encode("cp1251"), None, "<meta charset=windows-1251>ж"),
        ("<meta charset='windows-1251'>ж".encode(), "utf-8", "<meta charset='windows-1251'>ж"),
        ("<!-- <meta charset=koi8-r> -->é".encode(), None, "<!-- <meta charset=koi8-r> -->é"),
        ("<meta charset=utf-16>é".encode(), None, "<meta charset=utf-16>é"),
        ("<meta charset=hex>é".encode(), "no such thing", "<meta charset=hex>é"),
        (
            "<meta content='text/html; charset=gb2312'>國".encode("gb18030"),
            None,
            "<meta content='text/html; charset=gb2312'>國",
        ),
        (b"\xff\xc3\xa9", None, "\ufffdé"),
    ],
)
def test_encodings(body, header, text):
    assert decoded(body, header)[0] == text
