"""A real browser opens the file with no network: no request, no complaint, the sections are there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

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
    "--dump-dom",
]


def open_page(page: str, folder: Path) -> tuple[str, str]:
    """The DOM after loading, and what the console said."""
    assert CHROMIUM is not None
    file = folder / "report.html"
    file.write_text(page, encoding="utf-8")
    # Every name resolves to nothing: a request would be an error on the console.
    offline = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    command = [CHROMIUM, *QUIET, *offline, file.as_uri()]
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
