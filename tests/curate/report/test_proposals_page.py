"""The page on which proposed pairs are judged: hostile texts stay text, and what it exports is what was meant."""

import json
import re
import subprocess

import pytest

from curate.proposals import read_verdicts
from curate.report.environment import own
from curate.report.proposals_page import MOST, render_proposals
from curate.report.thumbnails import Thumbnail
from tests.curate.report.test_browser import CHROMIUM, open_page

HOSTILE = "</script><script>alert(1)</script>\"'\u202e=cmd|calc\n,<b>"
PICTURE = Thumbnail("data:image/jpeg;base64,AAAA", 8, 8)
PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


def row(uid, by=None, origin="web", **changes):
    return {"uid": uid, "image_uid": f"image of {uid}", "origin": origin, "caption": HOSTILE, "proposed": HOSTILE,
            "clip_score_b32": 0.25, "match_x": None, "accept": True if by else None, "edited": "", "by": by,
            **changes}  # fmt: skip


def page(rows):
    return render_proposals("drawn", rows, [PICTURE, *[None] * (len(rows) - 1)], {"ordered by": "x"}, "clip_score_b32")


def test_hostile_texts_stay_text_and_only_our_script_runs():
    text = page([row("a"), row("=b", "model"), row("c", origin="synthetic", caption=None)])
    assert text.count("<script>") == 1 and "&lt;script&gt;alert(1)" in text and "<b>" not in text
    shown = re.sub(r'data-proposed="[^"]*"', "", text)
    assert "\u202e" not in shown and "\\u202e" in shown  # but the export has the text as it is
    assert f"script-src 'sha256-{own('proposals.js')[1]}'" in text and "default-src 'none'" in text
    assert not re.search(r'(src|href)="(?!data:)', text) and "no picture" in text and "written by a model" in text


def test_a_page_has_a_limit_and_may_be_empty():
    many = page([row(f"{i}") for i in range(MOST + 1)])
    assert many.count('class="proposal"') == MOST
    assert "There is none." in render_proposals("drawn", [], [], {}, "x")


def clicked(text, folder, clicks):
    """What a person saves, as CSV and as JSON, who does this: the page's own script, with another way to save."""
    assert CHROMIUM is not None
    script, known = own("proposals.js")
    begin, end = script.index("    const link"), script.index("    unsaved = false;\n  };")
    changed = f"{script[:begin]}saved.push(text); told.dataset.saved = JSON.stringify(saved);{script[end:]}"
    save = "document.getElementById('csv').click(); document.getElementById('json').click();"
    text = text.replace(f"<script>{script}</script>", f"<script>const saved = []; {changed};{clicks};{save}</script>")
    file = folder / "page.html"
    file.write_text(text.replace(f"script-src 'sha256-{known}'", "script-src 'unsafe-inline'"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run([CHROMIUM, *options, file.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    (found,) = re.findall(r'data-saved="([^"]*)"', done.stdout)
    unescaped = found.replace("&quot;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(unescaped), done.stdout


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_its_policy_lets_the_script_run_and_nothing_else(tmp_path):
    dom, console = open_page(page([row("a"), row("b", "model")]).replace(PICTURE.uri, PIXEL), tmp_path)
    assert console == "" and "1 accepted, 0 rejected, 1 undecided" in dom


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_what_is_clicked_is_what_is_read(tmp_path):
    rows = [row("=a"), row("b"), row("c"), row("d", origin="synthetic"), row("e", "model"), row("f", "model")]
    clicks = """
      const card = (n) => document.querySelectorAll('.proposal')[n];
      const pick = (n, value) => card(n).querySelector(`input[value="${value}"]`).click();
      const type = (n, text) => { const box = card(n).querySelector('input[type=text]');
        box.value = text; box.dispatchEvent(new Event('input', {bubbles: true})); };
      pick(0, 'true'); pick(1, 'false'); pick(3, 'true'); type(3, '=better "text", it is'); pick(5, 'false');
    """
    saved, dom = clicked(page(rows), tmp_path, clicks)
    assert "3 accepted, 2 rejected, 1 undecided" in dom
    for text, kind in zip(saved, ("csv", "json"), strict=True):
        found = read_verdicts(text.encode(), f"verdicts.{kind}")
        assert [(v.uid, v.accept, v.edited, v.by) for v in found] == [
            ("=a", True, "", "person"),
            ("b", False, "", "person"),
            ("d", True, '=better "text", it is', "person"),
            ("e", True, "", "model"),
            ("f", False, "", "person"),
        ]
        assert found[2].proposed == HOSTILE and found[0].proposed is None
