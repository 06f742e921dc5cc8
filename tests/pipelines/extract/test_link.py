"""References as a browser resolves them; Chromium is the judge where it is installed."""

import json
import re
import shutil
import subprocess
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.download.policy import Refused
from pipelines.download.urls import parse_url
from pipelines.extract.image import picture_of
from pipelines.extract.link import resolve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BASE = "http://a.example/b/c/d;p?q"
REFERENCES = {
    "g": "http://a.example/b/c/g",
    "./g": "http://a.example/b/c/g",
    "g/": "http://a.example/b/c/g/",
    "/g": "http://a.example/g",
    "//g.example": "http://g.example/",
    "?": "http://a.example/b/c/d;p?",
    ";": "http://a.example/b/c/;",
    "?y": "http://a.example/b/c/d;p?y",
    "g?y#s": "http://a.example/b/c/g?y",
    "../../../g": "http://a.example/g",
    "./../g": "http://a.example/b/g",
    "g;x=1/../y": "http://a.example/b/c/y",
    "http:g": "http://a.example/b/c/g",
    "http:/g": "http://a.example/g",
    "https:g.example/x": "https://g.example/x",
    "https:///g.example/x": "https://g.example/x",
    "HTTP://G.Example:80/%7Ex": "http://g.example/%7Ex",
    "\\\\g.example\\x\\y?a\\b": "http://g.example/x/y?a\\b",
    " \t\ng\n.jpg \x00": "http://a.example/b/c/g.jpg",
    "a b.jpg?c d": "http://a.example/b/c/a%20b.jpg?c%20d",
    "é.jpg?é": "http://a.example/b/c/%C3%A9.jpg?%C3%A9",
    "http://bücher.example/": "http://xn--bcher-kva.example/",
    "http://g.example:8080/a:b@c": "http://g.example:8080/a:b@c",
    "a:b.jpg": None,
    "data:image/png;base64,AA": None,
    "javascript:x": None,
    "mailto:x@y.example": None,
    "http://": None,
    "http://g .example/": None,
    "http://g.example:99999/": None,
    "": None,
    "#top": None,
}
SETS = [
    {"src": "s.jpg"},
    {"src": "s.jpg", "srcset": "a.jpg 1x, b.jpg 2x, c.jpg 3x"},
    {"src": "s.jpg", "srcset": "a.jpg 300w, b.jpg 1200w, c.jpg 600w"},
    {"src": "s.jpg", "srcset": "a,b.jpg 2x,c.jpg 3x"},
    {"src": "s.jpg", "srcset": "a.jpg .5x"},
    {"src": "s.jpg", "srcset": "a.jpg 2x 3x, b.jpg 1.5x"},
    {"src": "s.jpg", "srcset": "https://h.example/w_1,h_2/a.jpg 2x , //k.example/b.jpg 4x"},
    {"srcset": "a.jpg, b.jpg 2x"},
    {"srcset": "a.jpg 10w 10h, b.jpg 20w 20h"},
    {"src": "s.jpg", "srcset": "a.jpg foo(1x, 2x), b.jpg"},
]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_reference_is_resolved(reference):
    assert resolve(BASE, reference) == REFERENCES[reference]


def test_without_a_base_only_whole_urls_count():
    assert resolve(None, "a.jpg") is None and resolve(None, "//a.example/") is None
    assert resolve(None, "http:a.example") == "http://a.example/"


@given(st.text("ab/.", max_size=20), st.sampled_from([BASE, "https://a", "http://a/", "https://a.example/b?c/d?"]))
def test_joining_is_that_of_the_standard_library(text, base):
    ours = resolve(base, text)
    if text and "//" not in text:  # there urljoin is not as the URL standard
        try:
            assert ours == parse_url(urljoin(base, text)).url
        except Refused:
            assert ours is None


def test_a_query_is_written_in_the_pages_encoding():
    assert resolve(BASE, "é?é", "windows-1252") == "http://a.example/b/c/%C3%A9?%E9"
    assert resolve(BASE, "?猫", "windows-1252") == "http://a.example/b/c/d;p?%26%2329483%3B"


@given(st.text(max_size=60), st.none() | st.just(BASE))
def test_any_text_is_a_url_or_none(text, base):
    found = resolve(base, text)
    assert found is None or (found.isascii() and found.startswith("http") and resolve(None, found) == found)


def chromium(body: str, folder) -> str:
    page = folder / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><base href='{BASE}'><pre id=out></pre>{body}", "utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--timeout=15000"]
    command += [
        "--force-device-scale-factor=8",
        "--virtual-time-budget=5000",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--dump-dom",
    ]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'profile'}",
    ]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stdout[:300]
    return found[1].replace("&amp;", "&")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_chromium_resolves_and_chooses_the_same(tmp_path):
    written = [" ".join(f'{name}="{value}"' for name, value in item.items()) for item in SETS]
    images = "".join(f"<img sizes=100000px {attributes}>" for attributes in written)
    script = """<script>
      const refs = %s, out = document.getElementById('out');
      const absolute = r => { const i = new Image(); i.src = r; return i.src; };
      addEventListener('load', () => setTimeout(() => { out.textContent = JSON.stringify(
        [refs.map(absolute), [...document.images].map(i => i.currentSrc)]); }, 300));
    </script>"""
    resolved, chosen = json.loads(chromium(images + script % json.dumps(list(REFERENCES)), tmp_path))
    for reference, theirs in zip(REFERENCES, resolved, strict=True):
        ours = resolve(BASE, reference)
        if ours is not None:
            assert ours == theirs.partition("#")[0], reference
        else:
            # What is no URL stays as it was written. Chromium escapes a space in a host, and then does not find it;
            # an empty reference is the page itself.
            odd = ("http://g .example/", "", "#top")
            assert theirs == reference or not theirs.startswith("http") or reference in odd, reference
    for attributes, theirs in zip(SETS, chosen, strict=True):
        ours = resolve(BASE, picture_of(attributes) or "")
        assert ours == theirs, attributes
