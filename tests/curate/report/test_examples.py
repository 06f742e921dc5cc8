"""Captions that a rule dropped: drawn by uid, each once, at most twenty."""

from dataclasses import replace

import polars as pl

from curate.report.page import render_page
from curate.report.statistics import statistics


def test_examples_are_the_captions_that_left_at_the_rule_first(ten):
    frame = ten.samples.collect()
    found = statistics(ten)["examples"]
    dropped = frame.filter(~pl.col("keep") & (pl.col("outcome") == "ok") & pl.col("caption").is_not_null())
    expected = dropped.with_columns(pl.col("reason").str.replace(":null$", "").alias("rule")).sort("uid")
    for rule, rows in expected.group_by("rule"):
        assert found[rule[0]] == rows.sort("uid")["caption"].unique(maintain_order=True).to_list()
    assert set(found) == set(expected["rule"]) and not any(rule.startswith("download") for rule in found)


def test_a_caption_is_shown_once_and_at_most_twenty_escaped(ten):
    frame = ten.samples.collect()
    row = frame.filter(~pl.col("keep") & (pl.col("outcome") == "ok") & pl.col("caption").is_not_null()).head(1)
    uids = [f"{i:032x}" for i in range(60)]
    captions = [f"<b>{i % 30}" for i in range(60)]
    many = pl.concat([row] * 60).with_columns(uid=pl.Series(uids), caption=pl.Series(captions))
    evidence = replace(ten, samples=pl.concat([frame, many]).lazy())
    (texts,) = [texts for texts in statistics(evidence)["examples"].values() if "<b>0" in texts]
    ours = [text for text in texts if text.startswith("<b>")]
    assert len(texts) == 20 and ours == [f"<b>{i}" for i in range(len(ours))] and len(ours) > 15
    page = render_page(evidence, statistics(evidence))
    assert "&lt;b&gt;15" in page and "<b>15" not in page and "20 captions that" in page
