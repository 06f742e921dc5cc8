"""What corpus passes have for people: the same table in the statistics, on the terminal and on the page."""

from dataclasses import replace

import polars as pl
from rich.console import Console

from curate.report.page import render_page
from curate.report.statistics import statistics
from curate.report.terminal import render_terminal

TABLE = pl.DataFrame({"most_frequent": ["a <b>", None, *"cdefgh"], "texts": [1200, 7, 6, 5, 4, 3, 2, 1]})


def test_a_passs_table_is_in_all_three(ten):
    evidence = replace(ten, corpus={"n-grams": TABLE, "nothing": TABLE.head(0)})
    stats = statistics(evidence)
    assert list(stats["corpus"]) == ["n-grams"] and stats["corpus"]["n-grams"][0]["texts"] == 1200
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render_terminal(stats))
    text = console.export_text()
    assert "most frequent" in text and "a <b>" in text and "1,200" in text and "f" in text
    assert "\nh " not in text  # the terminal has the first five rows
    page = render_page(evidence, stats)
    assert 'href="#corpus"' in page and "a &lt;b&gt;" in page and "<h3>n-grams</h3>" in page
    assert 'href="#corpus"' not in render_page(ten, statistics(ten))


def test_long_tables_are_cut(ten):
    long = pl.DataFrame({"n": range(1000)})
    assert len(statistics(replace(ten, corpus={"t": long}))["corpus"]["t"]) == 20
