"""Reading the records of rounds: what is missing, null or no number becomes None, and nothing raises.

A record is the content of one `rounds/K/record.json`; an older run or a half-finished one may lack any part of it.
Of every metric, higher is better.
"""

import math
from collections.abc import Iterable, Sequence

RAW, RANDOM, CURATED, ORACLE = "raw", "random", "curated", "oracle"
ARMS = (RAW, RANDOM, CURATED, ORACLE)  # the order to show them in; others follow
REPORT, SELECT = "report", "select"  # what an evaluation is used for
# An evaluation's one number for sentences and charts, where it has one of these.
MAIN = ("top1", "mean_r1", "knn20_top1", "knn10_top1", "cider_d", "group_score", "caption_choice", "jaccard_10_to_12")
BIGGEST = 1e12  # beyond it a measurement is a broken one


def finite(value: object) -> float | None:
    """The number, or None for null, NaN and the infinite end of an unbounded interval."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= BIGGEST else None  # false for NaN too


def count(value: object) -> int | None:
    number = finite(value)
    return None if number is None else int(number)


def number_of(record: dict) -> int:
    return count(record.get("round")) or 0


def arms(record: dict) -> dict[str, dict]:
    """Arm -> {"samples", "images"}, the known arms first; one that has results but no size is there too."""
    sizes = {str(name): size if isinstance(size, dict) else {} for name, size in (record.get("arms") or {}).items()}
    named = dict.fromkeys([*sizes, *(row["arm"] for row in results(record))])
    ordered = [*(arm for arm in ARMS if arm in named), *(arm for arm in named if arm not in ARMS)]
    return {arm: {key: count(sizes.get(arm, {}).get(key)) for key in ("samples", "images")} for arm in ordered}


def results(record: dict) -> list[dict]:
    """arm, eval, use, metric, values (seed -> value), mean, sd, low, high, n; in the record's order."""
    return [_result(row) for row in record.get("results") or []]


def _result(row: dict) -> dict:
    values = {str(seed): finite(value) for seed, value in (row.get("values") or {}).items()}
    known = [value for value in values.values() if value is not None]
    mean = finite(row.get("mean"))
    if mean is None and known:
        mean = math.fsum(known) / len(known)
    return {
        **{key: str(row.get(key) or "") for key in ("arm", "eval", "use", "metric")},
        **{key: finite(row.get(key)) for key in ("sd", "low", "high")},
        "values": {seed: value for seed, value in values.items() if value is not None},
        "mean": mean,
        "n": count(row.get("n")),
    }


def comparisons(record: dict, part: str) -> list[dict]:
    """The rows of `differences` or `gap_closed`: eval, metric, arm, against, value, low, high."""
    return [
        {
            **{key: str(row.get(key) or "") for key in ("eval", "metric", "arm", "against")},
            **{key: finite(row.get(key)) for key in ("value", "low", "high")},
        }
        for row in record.get(part) or []
    ]


def main_metrics(records: Sequence[dict]) -> dict[str, str]:
    """eval -> the metric that speaks for it, one that was compared if any was; evaluations in order of appearance."""
    found: dict[str, list[str]] = {}
    for row in (row for record in records for row in results(record)):
        found.setdefault(row["eval"], []).append(row["metric"])
    rows = [row for record in records for row in comparisons(record, "differences")]
    compared = {(row["eval"], row["metric"]) for row in rows}
    main = {}
    for name, metrics in found.items():
        candidates = [metric for metric in metrics if (name, metric) in compared] or metrics
        main[name] = next((metric for metric in MAIN if metric in candidates), candidates[0])
    return main


def uses(records: Iterable[dict]) -> dict[str, str]:
    """eval -> what it is used for."""
    return {row["eval"]: row["use"] for record in records for row in results(record)}


def is_share(records: Iterable[dict], name: str, metric: str) -> bool:
    """Whether the metric was between 0 and 1 wherever it was measured, so that it reads as a percentage."""
    rows = [row for record in records for row in results(record) if (row["eval"], row["metric"]) == (name, metric)]
    seen = [row[key] for row in rows for key in ("mean", "low", "high")]
    seen += [value for row in rows for value in row["values"].values()]
    return all(0 <= value <= 1 for value in seen if value is not None)


def standing(records: Sequence[dict]) -> dict:
    """The round whose model counts: the newest that was promoted, or else the newest."""
    promoted = [record for record in records if was_promoted(record)]
    return (promoted or list(records))[-1]


def was_promoted(record: dict) -> bool | None:
    """None where nothing was decided."""
    decision = record.get("decision")
    return bool(decision.get("promoted")) if isinstance(decision, dict) else None


def seeds(record: dict) -> list[str]:
    """The seeds that were asked for, or else those that have a value."""
    named = record.get("seeds") or dict.fromkeys(seed for row in results(record) for seed in row["values"])
    return [str(seed) for seed in named]
