"""Every number against a count by hand, and every sum."""

import json
from dataclasses import replace

import polars as pl
import pytest

from curate import schema as c
from curate.report import counts
from curate.report.evidence import Evidence
from curate.report.statistics import statistics


def test_totals_by_hand(ten: Evidence) -> None:
    assert statistics(ten)["counts"] == {
        "rows": 10,
        "asked": 10,
        "synthetic": 0,
        "downloaded": 6,
        "failed": 4,
        "kept": 3,
        "dropped": 7,
        "unused": 0,
        "copies": 3,
        "images": 2,  # two of the three kept share their bytes
        "downloaded_images": 5,
    }


def test_outcomes_by_hand(ten: Evidence) -> None:
    stats = statistics(ten)
    assert [(row["outcome"], row["class"], row["count"]) for row in stats["outcomes"]] == [
        ("ok", "ok", 6),
        ("404", "permanent", 3),
        ("timeout", "transient", 1),
    ]
    assert {row["class"]: row["count"] for row in stats["classes"]} == {"ok": 6, "permanent": 3, "transient": 1}


def test_rules_count_first_and_any(ten: Evidence) -> None:
    found = {row["rule"]: row for row in statistics(ten)["rules"]}
    assert list(found) == ["input.repeated", "download.404", "download.timeout", "text.words", "clip.min"]
    first = {rule: (row["first"], row["first_null"]) for rule, row in found.items()}
    assert first == {
        "input.repeated": (1, 0),
        "download.404": (2, 0),
        "download.timeout": (1, 0),
        "text.words": (1, 0),
        "clip.min": (2, 1),
    }
    assert (found["clip.min"]["any"], found["clip.min"]["any_null"]) == (3, 1)
    assert found["download.404"]["any"] == 3  # the repeated row's link is dead as well


def test_sums(ten: Evidence, run: Evidence) -> None:
    for evidence in (ten, run):
        stats = statistics(evidence)
        total = stats["counts"]
        assert total["rows"] == total["asked"] + total["synthetic"]
        assert total["rows"] == total["kept"] + total["dropped"] + total["unused"]
        assert total["asked"] == total["downloaded"] + total["failed"]
        assert sum(row["count"] for row in stats["outcomes"]) == total["asked"]
        assert sum(row["count"] for row in stats["classes"]) == total["asked"]
        assert sum(row["first"] for row in stats["rules"]) == total["dropped"]
        assert stats["funnel"][0]["in"] == total["asked"]
        assert stats["funnel"][-1]["kept"] == total["kept"]
        for rows in (stats["funnel"], stats["stages"]):
            assert counts.adds_up(rows)
        first = {row["rule"]: row["first"] for row in stats["rules"]}
        for row in stats["funnel"]:
            assert row["dropped"] == first[f"{row['stage']}.{row['rule']}"]
        for block in [*stats["sizes"].values(), *stats["signals"].values()]:
            assert block["count"] + block["nulls"] == total["downloaded"] + total["synthetic"]
            histogram = block["histogram"]
            assert sum(histogram["kept"]) == total["kept"] - _kept_nulls(evidence, block["column"])
            assert sum(histogram["kept"]) + sum(histogram["dropped"]) == block["count"]
            pairs = zip(histogram["dropped_here"], histogram["dropped"], strict=True)
            assert all(0 <= here <= dropped for here, dropped in pairs)


def _kept_nulls(evidence: Evidence, column: str) -> int:
    if column not in evidence.samples.collect_schema():
        return 0
    kept = evidence.samples.filter(c.KEEP).collect()
    return kept[column].null_count()


def test_hosts_leave_out_user_and_port(ten: Evidence) -> None:
    hosts = statistics(ten)["hosts"]
    assert hosts["hosts"] == 3
    assert hosts["top"][0] == {
        "host": "host0.example",
        "asked": 4,
        "ok": 2,
        "kept": 1,
        "share": 0.4,
        "ok_share": 0.5,
    }
    assert sum(row["asked"] for row in hosts["top"]) == 10


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://a.example/x", "a.example"),
        ("HTTPS://A.Example:80?q=http://b.example", "a.example"),
        ("https://a@b.example@c.example/x", "c.example"),
        ("https://[2001:db8::1]:8080/x", "[2001:db8::1]"),
        ("/relative", None),
        ("", None),
        (None, None),
    ],
)
def test_host_of_a_url(ten: Evidence, url: str | None, host: str | None) -> None:
    one = replace(ten, samples=ten.samples.head(1).with_columns(pl.lit(url, pl.String).alias(c.URL)))
    found = statistics(one)["hosts"]
    assert [row["host"] for row in found["top"]] == ([host] if host else [])
    assert found["without_host"] == (0 if host else 1)


def test_formats_and_languages(ten: Evidence) -> None:
    spoken = replace(ten, samples=ten.samples.with_columns(language=pl.lit("en")))
    assert statistics(ten)["languages"] == []
    assert statistics(spoken)["languages"] == [{"value": "en", "count": 6, "kept": 3, "share": 1.0, "kept_share": 1.0}]
    assert [(row["value"], row["count"], row["kept"]) for row in statistics(ten)["formats"]] == [
        ("jpeg", 5, 3),
        ("png", 1, 0),
    ]


def test_synthetic_samples_are_counted_apart(ten: Evidence) -> None:
    extra = ten.samples.head(2).with_columns(
        pl.lit(c.SYNTHETIC).alias(c.ORIGIN), pl.Series(c.UID, ["s1", "s2"]), pl.Series(c.KEEP, [True, False])
    )
    stats = statistics(replace(ten, samples=pl.concat([ten.samples, extra])))
    assert (stats["counts"]["synthetic"], stats["counts"]["kept"], stats["counts"]["unused"]) == (2, 4, 1)
    assert stats["counts"]["asked"] == 10
    assert stats["captions"] == {"pool": 10, "kept": 4}


def test_empty_pool(empty: Evidence) -> None:
    stats = statistics(empty)
    assert stats["counts"]["rows"] == 0
    assert [alert["level"] for alert in stats["alerts"]] == ["error"]
    assert stats["duplicates"]["pairs"] == 0


def test_missing_columns_are_fine(ten: Evidence) -> None:
    bare = replace(ten, samples=ten.samples.select(c.UID, c.KEEP, c.REASON))
    stats = statistics(bare)
    assert (stats["counts"]["kept"], stats["counts"]["dropped"]) == (3, 7)
    assert sum(row["first"] for row in stats["rules"]) == 7


def test_plain_json_and_deterministic(run: Evidence) -> None:
    first = json.dumps(statistics(run), allow_nan=False)
    shuffled = replace(run, samples=run.samples.collect().sample(fraction=1, shuffle=True, seed=1).lazy())
    assert json.dumps(statistics(shuffled), allow_nan=False) == first


def test_alerts_name_a_command(ten: Evidence, run: Evidence) -> None:
    texts = {alert["text"]: alert["command"] for alert in statistics(ten)["alerts"]}
    assert texts["Only 60.0% of the rows were downloaded: 404 3, timeout 1."] == ("curate stats runs/ten")
    assert "One host has 40% of the rows: host0.example (4)." in texts
    assert texts["clip.min dropped 1 samples that could not be measured."] == "curate report runs/ten"


def test_alert_for_a_funnel_that_does_not_add_up(ten: Evidence) -> None:
    wrong = [dict(step) for step in ten.funnel]
    wrong[2]["dropped"] += 1
    alerts = statistics(replace(ten, funnel=wrong))["alerts"]
    assert alerts[0] == {
        "level": "error",
        "text": "The funnel does not add up: the files disagree.",
        "command": "curate verify runs/ten",
    }


def test_alert_for_a_big_group_and_a_greedy_stage(ten: Evidence) -> None:
    uids = [f"{number:032x}" for number in range(102)]
    chain = pl.DataFrame({"uid_a": uids[:-1], "uid_b": uids[1:], "distance": [1] * 101})
    greedy = [{**ten.funnel[0], "stage": "greedy", "dropped": 10, "kept": 0}]
    texts = [alert["text"] for alert in statistics(replace(ten, duplicates=chain, funnel=greedy))["alerts"]]
    assert "The largest group of near-duplicates has 102 members." in texts
    assert "greedy dropped 100.0% of what reached it." in texts
