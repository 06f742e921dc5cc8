"""srcset by the HTML standard's own algorithm, and which URL is a picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.extract.image import picture_of
from pipelines.extract.srcset import candidates, largest


@pytest.mark.parametrize(
    ("text", "urls", "best"),
    [
        ("a.jpg", ["a.jpg"], "a.jpg"),
        ("a.jpg 1x, b.jpg 2x", ["a.jpg", "b.jpg"], "b.jpg"),
        ("a.jpg,b.jpg 2x", ["a.jpg,b.jpg"], "a.jpg,b.jpg"),
        ("a.jpg, b.jpg", ["a.jpg", "b.jpg"], "a.jpg"),
        (" , ,a,b.jpg 300w,, c.jpg 200w", ["a,b.jpg", "c.jpg"], "a,b.jpg"),
        ("a.jpg 1.5x, b.jpg .5x, c.jpg 1e1x", ["a.jpg", "b.jpg", "c.jpg"], "c.jpg"),
        ("a.jpg 100w 50h, b.jpg 200w", ["a.jpg", "b.jpg"], "b.jpg"),
        ("a.jpg 50h, b.jpg 1x", ["b.jpg"], "b.jpg"),
        ("a.jpg 0w, b.jpg -1x, c.jpg 1x 2x, d.jpg 1w 1x, e.jpg 1q, f.jpg +1x, g.jpg 2x", ["g.jpg"], "g.jpg"),
        ("a.jpg foo(1, 2) , b.jpg 2x", ["b.jpg"], "b.jpg"),
        ("data:image/png;base64,AAAA 1x, b.jpg 2x", ["data:image/png;base64,AAAA", "b.jpg"], "b.jpg"),
        ("a.jpg,", ["a.jpg"], "a.jpg"),
        ("", [], None),
        (",,", [], None),
    ],
)
def test_candidates(text, urls, best):
    assert [c.url for c in candidates(text)] == urls and largest(candidates(text)) == best


@given(st.text(alphabet="a,() \t1.5xwh", max_size=40))
def test_any_text_has_candidates_without_spaces(text):
    for found in candidates(text):
        assert found.url and not found.url.startswith(",") and " " not in found.url


@pytest.mark.parametrize(
    ("attributes", "reference"),
    [
        ({"src": "a.jpg", "data-src": "b.jpg"}, "a.jpg"),
        ({"src": "/blank.gif?v=2", "data-src": "b.jpg"}, "b.jpg"),
        ({"src": "/img/loading-spinner.gif", "data-src": "b.jpg"}, "/img/loading-spinner.gif"),
        ({"src": "/img/placeholder-300x200.png", "data-original": "b.jpg"}, "b.jpg"),
        ({"src": "/blank.gif"}, "/blank.gif"),
        ({"src": "data:,", "data-srcset": "b.jpg 1x, c.jpg 2x"}, "c.jpg"),
        ({"src": "data:,", "data-src": "x_{width}.jpg"}, "data:,"),
        ({"srcset": "data:image/gif;base64,AA 1x", "src": "#", "data-lazy": "b.jpg"}, "b.jpg"),
        ({"srcset": "a.jpg 2x", "src": "b.jpg"}, "a.jpg"),
        ({"srcset": "a.jpg .5x", "src": "b.jpg"}, "b.jpg"),
        ({"srcset": "a.jpg 10w", "src": "b.jpg"}, "a.jpg"),
        ({"width": "1", "height": "1", "src": "a.jpg"}, "a.jpg"),
        ({}, None),
    ],
)
def test_which_reference_is_the_picture(attributes, reference):
    assert picture_of(attributes) == reference


def test_the_sources_of_a_picture_count_where_its_img_has_nothing():
    sources = [
        {"media": "print"},
        {"srcset": "/blank.gif", "data-srcset": "s.webp 1x, l.webp 2x"},
        {"srcset": "t.webp"},
    ]
    assert picture_of({"src": "a.jpg"}, sources) == "a.jpg"
    assert picture_of({"src": "data:,"}, sources) == "l.webp"
    assert picture_of({"src": "data:,", "data-src": "b.jpg"}, sources) == "b.jpg"
