"""The page: its numbers, its size, and thirty ways in which data could try to become code."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import polars as pl
import pytest

from curate.report.evidence import Evidence
from curate.report.page import render_page
from curate.report.printable import printable
from curate.report.statistics import statistics

# fmt: off
TAGS = {
    "html", "head", "meta", "title", "style", "body", "a", "nav", "p", "ul", "ol", "li", "span", "main",
    "header", "h1", "h2", "h3", "h4", "h5", "div", "b", "i", "br", "dl", "dt", "dd", "code", "pre",
    "section", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "svg", "g", "rect", "line", "text",
    "details", "summary", "figure", "figcaption", "img", "bdi", "small", "circle", "path",
}
# fmt: on
# fmt: off
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "content", "name", "class", "href", "id", "aria-label", "aria-hidden",
    "role", "scope", "colspan", "title", "src", "width", "height", "alt", "x", "y", "x1", "x2", "y1", "y2",
    "dx", "text-anchor", "cx", "cy", "r", "d", "viewbox", "preserveaspectratio",
}
# fmt: on

PAYLOADS = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onload=`alert(1)",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</pre></code><iframe src=javascript:alert(1)>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<a href='javascript:alert(1)'>x</a>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<form action=https://evil.example/><input name=q>",
    "<object data=x></object><embed src=x>",
    "<svg><script xlink:href='https://evil.example/x.js'/></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<!--><script>alert(1)</script-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3C;script&#x3E;alert(1)&#x3C;/script&#x3E;",
    "{{ 7 * 7 }}{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "\u202e\u2066<script>alert(1)</script>\u2069",
    "\x1b[31m\x00\x07<img src=x onerror=alert(1)>\r\n\u2028",
    '=HYPERLINK("https://evil.example","x")',
    "x" * 5000 + "<b onclick=alert(1)>",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
]


class Reader(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.ids: list[str] = []
        self.styles = 0
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "action", "formaction")]
        self.sources += [value or "" for name, value in attrs if name in ("src", "srcset", "data", "xlink:href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.styles += tag == "style"
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []  # every tag is closed, in order
    return reader


def assert_harmless(page: str) -> Reader:
    reader = read(page)
    assert reader.tags <= TAGS, reader.tags - TAGS
    assert reader.attributes <= ATTRIBUTES, reader.attributes - ATTRIBUTES
    assert all(link.startswith("#") and link[1:] in reader.ids for link in reader.links)
    assert all(re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", source) for source in reader.sources)
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.styles == 1
    assert re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page) is None
    page.encode("utf-8")
    return reader


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_hostile_text_stays_text(
    ten: Evidence, payload: str, with_everywhere: Callable[[Evidence, str], Evidence]
) -> None:
    reader = assert_harmless(render_page(with_everywhere(ten, payload), galleries=3))
    shown = "".join(reader.text)
    assert payload.split("\x1b")[0].strip("\u202e\u2066")[:20].split("\u2069")[0] in shown


@pytest.mark.parametrize("payload", [" ".join(PAYLOADS[:30]), *PAYLOADS[3:7], *PAYLOADS[27:]], ids=range(10))
def test_hostile_records_stay_text(
    empty: Evidence, records: list[dict], payload: str, with_everywhere: Callable[[Evidence, str], Evidence]
) -> None:
    page = render_page(with_everywhere(replace(empty, records=records), payload), galleries=1)
    assert "objects" + printable(payload)[:20] in "".join(assert_harmless(page).text)
    assert set(re.findall(r'class="(?:shape )?arm-([^"]*)"', page)) == {"other"}  # no class comes from data


def test_hostile_text_beside_pictures(run: Evidence, with_everywhere: Callable[[Evidence, str], Evidence]) -> None:
    everything = " ".join(PAYLOADS[:30])
    reader = assert_harmless(render_page(with_everywhere(run, everything), galleries=6))
    assert len(reader.sources) > 10


def test_the_policy_lets_nothing_load_and_nothing_run(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'",
        policy[1],
    )
    assert "<script" not in page
    assert " style=" not in page
    assert re.search(r"url\(|@import|https?://(?!host)", page.split("<main")[0]) is None


def test_columns_of_the_funnel_add_up_in_the_page(run: Evidence, page: str) -> None:
    table = page[page.index('<table class="funnel">') :]
    body = table[table.index("<tbody>") : table.index("</tbody>")]
    rows = [
        [int(cell.replace(",", "")) for cell in re.findall(r'<td class="n[^"]*">([\d,]+)</td>', line)]
        for line in body.split("</tr>")
        if "<td" in line
    ]
    assert len(rows) == len(run.funnel)
    for came, added, dropped, kept, _ in rows:
        assert came + added == dropped + kept
    assert all(row[0] == before[3] for before, row in pairwise(rows))


def test_sections_in_order(page: str, ten: Evidence) -> None:
    expected = [
        "alerts",
        "funnel",
        "download",
        "stage-1",
        "stage-2",
        "duplicates",
        "dataset",
        "captions",
        "kept",
        "evaluation",
        "recipe",
        "load",
    ]
    assert [i for i in read(page).ids if i != "main"] == expected
    without = read(render_page(replace(ten, metrics=None))).ids
    assert "evaluation" not in without


def test_size_and_determinism(run: Evidence, page: str) -> None:
    assert 50_000 < len(page.encode()) < 5_000_000
    assert page == render_page(run, statistics(run))


def test_an_empty_pool_and_an_unread_image(empty: Evidence, run: Evidence) -> None:
    assert "The pool is empty" in render_page(empty)
    assert_harmless(render_page(empty))
    blind = render_page(replace(run, read_image=lambda uid: b"not an image"))
    assert "<img" not in blind
    assert "no picture" in blind


def test_every_chart_says_what_it_shows(page: str) -> None:
    charts = re.findall(r'<svg class="histogram"[^>]*>', page)
    assert charts
    assert all('role="img" aria-label="Histogram of ' in chart for chart in charts)


def test_metrics_are_means_over_seeds(run: Evidence, page: str) -> None:
    evaluation = page[page.index('<section id="evaluation">') :]
    assert '<td class="n strong">0.55</td><td class="n">0.07071</td><td class="n">2</td>' in evaluation
    assert run.metrics is not None
    single = replace(run, metrics=run.metrics.filter(pl.col("seed") == 0))
    assert '<td class="n">–</td><td class="n">1</td>' in render_page(single)  # one seed has no spread
