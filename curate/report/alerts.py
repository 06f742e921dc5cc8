"""What a person should look at first, each with the command that shows or mends it."""

import shlex
from collections.abc import Iterator

from curate import schema as c
from curate.report.counts import adds_up
from curate.report.evidence import Evidence

ERROR, WARNING, NOTE = "error", "warning", "note"

LOW_SUCCESS = 0.8
BIG_HOST = 0.2
DROPPED_MOST = 0.9
STEEP = 0.05  # of the measured, within 1 % of the range: a bell's top has 4 %
FEW = 20  # below so many samples a share is noise
BIG_GROUP = 100
UNMEASURED = 0.01


def alerts(evidence: Evidence, stats: dict) -> list[dict[str, str]]:
    """level, text, command; errors first."""
    run = evidence.run
    found = [
        *_emptiness(stats, run),
        *_download(stats, run),
        *_stages(stats, run),
        *_thresholds(stats, run),
        *_duplicates(stats, run),
    ]
    return sorted(found, key=lambda alert: [ERROR, WARNING, NOTE].index(alert["level"]))


def _alert(level: str, text: str, command: str) -> dict[str, str]:
    return {"level": level, "text": text, "command": command}


def _emptiness(stats: dict, run: str) -> Iterator[dict[str, str]]:
    counts = stats["counts"]
    if not counts["rows"]:
        yield _alert(ERROR, "The pool is empty: nothing was asked for.", f"curate check {run}/recipe.yaml")
    elif not counts["kept"]:
        yield _alert(ERROR, "No pair was kept.", f"curate stats {run}")
    if not adds_up(stats["funnel"]):
        yield _alert(ERROR, "The funnel does not add up: the files disagree.", f"curate verify {run}")


def _download(stats: dict, run: str) -> Iterator[dict[str, str]]:
    counts = stats["counts"]
    if counts["asked"] and counts["downloaded"] < LOW_SUCCESS * counts["asked"]:
        failed = [row for row in stats["outcomes"] if row["outcome"] != c.Outcome.OK]
        most = ", ".join(f"{row['outcome']} {row['count']:,}" for row in failed[:3])
        text = f"Only {_percent(counts['downloaded'], counts['asked'])} of the rows were downloaded: {most}."
        yield _alert(WARNING, text, f"curate stats {run}")
    for row in stats["hosts"]["top"]:
        if row["share"] > BIG_HOST:
            text = f"One host has {row['share']:.0%} of the rows: {row['host']} ({row['asked']:,})."
            yield _alert(WARNING, text, f"curate stats {run} --json")


def _stages(stats: dict, run: str) -> Iterator[dict[str, str]]:
    for row in stats["stages"]:
        came = row["in"] + row["added"]
        look = f"curate report {run}"
        if came and row["dropped"] > DROPPED_MOST * came:
            share = _percent(row["dropped"], came)
            yield _alert(WARNING, f"{row['stage']} dropped {share} of what reached it.", look)
        if came and not row["dropped"] and not row["added"] and row["stage"] not in ("input", "download"):
            text = f"{row['stage']} dropped nothing of {came:,}: is its threshold too mild?"
            yield _alert(NOTE, text, look)
    for row in stats["rules"]:
        if row["first_null"] > UNMEASURED * stats["counts"]["downloaded"]:
            text = f"{row['rule']} dropped {row['first_null']:,} samples that could not be measured."
            yield _alert(WARNING, text, f"curate report {run}")


def _thresholds(stats: dict, run: str) -> Iterator[dict[str, str]]:
    for block in {**stats["sizes"], **stats["signals"]}.values():
        for row in block["thresholds"]:
            if row["near"] >= FEW and row["near"] > STEEP * block["count"]:
                text = (
                    f"{row['stage']}.{row['rule']} cuts where the histogram is steep: {row['near']:,} samples "
                    f"({_percent(row['near'], block['count'])}) lie within 1% of the range of {row['value']:g}."
                )
                setting = shlex.quote(f"filters.{row['stage']}.{row['rule']}=VALUE")
                yield _alert(WARNING, text, f"curate whatif {run} --set {setting}")


def _duplicates(stats: dict, run: str) -> Iterator[dict[str, str]]:
    for group in stats["duplicates"]["largest"][:1]:
        if group["size"] > BIG_GROUP:
            uid = shlex.quote(group["members"][0]["uid"])
            text = f"The largest group of near-duplicates has {group['size']:,} members."
            yield _alert(WARNING, text, f"curate explain {run} {uid}")


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"
