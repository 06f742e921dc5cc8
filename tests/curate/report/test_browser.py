"""A real browser opens the file with no network: no request, no complaint, the sections are there."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from curate.report.evidence import Evidence
from curate.report.page import render_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--enable-logging=stderr",
    "--log-level=0",
    "--timeout=15000",
]


def open_page(page: str, folder: Path, *options: str) -> tuple[str, str]:
    """The DOM after loading (unless options ask for something else), and what the console said."""
    assert CHROMIUM is not None
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    # Every name resolves to nothing: a request would be an error on the console.
    offline = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    command = [CHROMIUM, *QUIET, *(options or ["--dump-dom"]), *offline, file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_opens_offline_without_a_complaint(page: str, tmp_path: Path) -> None:
    dom, console = open_page(page, tmp_path)
    assert console == ""
    headings = re.findall(r"<h2>([^<]*)</h2>", dom)
    assert headings == [
        "Alerts",
        "Funnel",
        "Download",
        "clip",
        "phash",
        "Duplicates",
        "Dataset",
        "Captions",
        "Kept pairs",
        "Evaluation",
        "Recipe",
        "How to load",
    ]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_policy_holds_against_a_page_that_was_tampered_with(page: str, tmp_path: Path) -> None:
    """Proof that the console is read: what autoescape keeps out would be refused, loudly."""
    attack = "<img src='https://evil.example/x.png'><script>document.title = 'pwned'</script></body>"
    dom, console = open_page(page.replace("</body>", attack), tmp_path)
    assert "Content Security Policy" in console
    assert "<title>drawn: curation report</title>" in dom


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_each_arm_is_painted_in_its_colour_where_its_number_is(
    empty: Evidence, records: list[dict], tmp_path: Path
) -> None:
    page = render_page(replace(empty, records=records[1:2]))
    _, console = open_page(page, tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1200,1600")
    assert console == ""
    with Image.open(tmp_path / "page.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    rows, columns = {}, {}
    for arm, colour in {"random": "8a6bb0", "oracle": "a87a1c"}.items():
        ys, xs = np.nonzero(np.abs(pixels - list(bytes.fromhex(colour))).sum(axis=2) < 6)
        assert len(ys), arm
        chart = (ys > ys.min() + 40) & (ys < ys.min() + 250) & (xs < 720)  # below the legend, the left chart
        assert chart.sum() > 30, arm
        rows[arm], columns[arm] = np.median(ys[chart]), np.median(xs[chart])
    assert 60 < rows["oracle"] - rows["random"] < 100  # two rows of 40 px
    assert columns["oracle"] - columns["random"] > 120  # 80% and 5%
