"""Whether curating helped, in sentences: every difference with its interval, and "no gain" said in words.

A difference counts as shown when its whole 95% interval lies on one side of 0. The evaluations that chose the
round (`use: select`) are never the ones that judge it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from curate.report import records as r
from curate.report.numbers import change, interval, measured

BETTER, WORSE, UNCLEAR = "better", "worse", "unclear"
ALIKE = 0.01  # two sets whose sizes differ by no more are of equal size


@dataclass(frozen=True)
class Verdict:
    kind: str  # better | worse | unclear
    text: str


def verdicts(records: Sequence[dict]) -> list[Verdict]:
    """For each evaluation of the standing round that reports: each difference, and the gap to the oracle."""
    if not records:
        return []
    record = r.standing(records)
    judged = {name: metric for name, metric in r.main_metrics([record]).items() if r.uses([record])[name] == r.REPORT}
    found = [verdict for name, metric in judged.items() for verdict in _of_evaluation(record, name, metric)]
    if not found and r.results(record):
        text = "No evaluation is marked `use: report`, so nothing here judges the curated set: what chooses a round"
        found = [Verdict(UNCLEAR, f"{text} flatters it.")]
    if not found:
        found = [Verdict(UNCLEAR, "Nothing was evaluated, so nothing here says whether curating helped.")]
    prefix = f"Round {r.number_of(record)}: " if len(records) > 1 else ""
    return [Verdict(verdict.kind, prefix + verdict.text) for verdict in found]


def _of_evaluation(record: dict, name: str, metric: str) -> Iterator[Verdict]:
    share = r.is_share([record], name, metric)
    rows = {row["arm"]: row for row in r.results(record) if (row["eval"], row["metric"]) == (name, metric)}
    mine = [row for row in r.comparisons(record, "differences") if (row["eval"], row["metric"]) == (name, metric)]
    known = {arm for arm, row in rows.items() if row["mean"] is not None}
    usable = [row for row in mine if row["value"] is not None and {row["arm"], row["against"]} <= known]
    for place, row in enumerate(usable):
        yield _difference(record, rows, row, share, circumstances=not place)
    if not usable:
        yield Verdict(UNCLEAR, _uncompared(rows, name, metric, share))
    for row in r.comparisons(record, "gap_closed"):
        if (row["eval"], row["metric"]) == (name, metric):
            yield _gap(row)


def _difference(record: dict, rows: dict[str, dict], row: dict, share: bool, *, circumstances: bool) -> Verdict:
    means = [measured(rows[arm]["mean"], share) for arm in (row["arm"], row["against"])]
    ends = [None if row[end] is None else change(row[end], share).lstrip("+") for end in ("low", "high")]
    sizes, unit = r.arms(record), " points" if share else ""
    text = (
        f"he {row['arm']} set gives {means[0]} {row['metric']} on {row['eval']}, "
        f"{_against(sizes, row)} {means[1]}: {change(row['value'], share)}{unit} "
        f"(95% interval {interval(*ends)})"
    )
    if circumstances:
        text += "".join(f", {part}" for part in _circumstances(record))
    kind = side(row)
    start = {BETTER: "T", WORSE: "Curating made it worse: t", UNCLEAR: "No gain is shown: t"}[kind]
    return Verdict(kind, f"{start}{text}.")


def side(row: dict) -> str:
    """On which side of 0 the whole interval lies; a missing end is an unbounded one."""
    if row["low"] is not None and row["low"] > 0:
        return BETTER
    return WORSE if row["high"] is not None and row["high"] < 0 else UNCLEAR


def _against(sizes: dict[str, dict], row: dict) -> str:
    if row["against"] != r.RANDOM:
        return str(row["against"])
    mine, other = (sizes.get(arm, {}).get("samples") for arm in (row["arm"], row["against"]))
    if mine is None or other is None:
        return "a random set"
    if abs(mine - other) <= ALIKE * mine:
        return "a random set of equal size"
    images = [sizes[arm].get("images") for arm in (row["arm"], row["against"])]
    if images[0] is not None and images[0] == images[1]:
        return f"a random set of as many images ({other:,} samples, not {mine:,})"
    return f"a random set of {other:,} samples (not {mine:,})"


def _circumstances(record: dict) -> list[str]:
    seeds, seen = len(r.seeds(record)), r.count(record.get("samples_seen"))
    parts = []
    if seeds:
        parts.append("1 seed, so the interval leaves out the noise of training" if seeds == 1 else f"{seeds} seeds")
    return [*parts, *([f"{seen:,} samples seen each"] if seen is not None else [])]


def _uncompared(rows: dict[str, dict], name: str, metric: str, share: bool) -> str:
    """No difference is on record: say what is, and that nothing follows from it."""
    known = [arm for arm in rows if rows[arm]["mean"] is not None]
    if not known:
        return f"{name} has no value of {metric}, so it says nothing."
    listed = ", ".join(f"{arm} {measured(rows[arm]['mean'], share)}" for arm in known)
    return f"No gain is shown: {metric} on {name} was not compared between arms ({listed})."


def _gap(row: dict) -> Verdict:
    if row["value"] is None:
        return Verdict(UNCLEAR, f"The oracle is no better than raw on {row['eval']}, so there is no gap to close.")
    if row["low"] is None and row["high"] is None:
        near = f"Raw and the oracle are too near to each other on {row['eval']}"
        return Verdict(UNCLEAR, f"{near} to tell what share of the gap is closed.")
    value, *ends = (None if row[key] is None else f"{100 * row[key]:.0f}%" for key in ("value", "low", "high"))
    between = interval(*(end and end.replace("-", "\u2212") for end in ends))
    if row["value"] < 0:
        lost = f"{-100 * row['value']:.0f}%"
        text = f"The curated set is behind raw on {row['eval']}, by {lost} of the gap between raw and the oracle"
    else:
        text = f"The curated set closes {value} of the gap between raw and the oracle on {row['eval']}"
    return Verdict(side(row), f"{text} (95% interval {between}).")
