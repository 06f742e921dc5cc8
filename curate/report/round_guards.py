"""What a round's dataset is like beside its evaluations, and how its captioner and matcher were made."""

from collections.abc import Sequence

from curate.report import records as r
from curate.report.numbers import short


def guard_rows(records: Sequence[dict]) -> list[dict]:
    """A row per guard of every round: round, guard, value, bound, with the words for both, and holds (True, False)."""
    rows = []
    for record in records:
        for one in record.get("guards") or []:
            name, value, bound = str(one.get("guard")), r.finite(one.get("value")), r.finite(one.get("bound"))
            if value is None or bound is None:
                continue
            words = "at most" if name.startswith("max") else "at least"
            told = {"value": short(value), "bound": f"{words} {short(bound)}", "holds": bool(one.get("holds"))}
            rows.append({"round": r.number_of(record), "guard": name, **told})
    return rows


def guarded(record: dict) -> list[str]:
    """One sentence: which guards do not hold, or that all do."""
    rows = guard_rows([record])
    if not rows:
        return []
    number, broken = r.number_of(record), [row for row in rows if not row["holds"]]
    if not broken:
        return [f"Round {number}: all {len(rows)} guards hold."]
    told = ", ".join(f"{row['guard']} is {row['value']}, not {row['bound']}" for row in broken)
    return [f"Round {number}: a guard does not hold: {told}."]


def moved(records: Sequence[dict]) -> list[dict]:
    """A row per round that follows another: round, and for what entered and what left the count, origins, reasons."""
    rows = []
    for record in records:
        changes = record.get("changes") or {}
        row: dict = {"round": r.number_of(record)}
        for way in ("entered", "left"):
            part = changes.get(way) or {}
            row[way] = r.count(part.get("samples"))
            row[f"{way}_origins"] = _counts(part.get("origins"))
            row[f"{way}_reasons"] = _counts(part.get("reasons"))
        if changes:
            rows.append(row)
    return rows


def _counts(given: object) -> str:
    counts = {str(name): r.count(count) or 0 for name, count in given.items()} if isinstance(given, dict) else {}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered)


def captioners(record: dict) -> list[str]:
    """How the captioner and the matcher of a round were trained."""
    found = []
    for name, model in (record.get("captioning") or {}).items():
        pairs, trusted, seen = (r.count(model.get(key)) for key in ("pairs", "trusted", "samples_seen"))
        role = model.get("as")
        parts = [f"{seen:,} samples seen"] if seen is not None else []
        if pairs is not None:
            parts.insert(0, f"trained on {pairs:,} pairs" + ("" if trusted is None else f" (trusted: {trusted:,})"))
        elif trusted is not None:
            parts.insert(0, f"a copy of the pre-trained weights, fine-tuned on {trusted:,} trusted pairs")
        start = f"{str(role).capitalize()} {name}" if role else f"Captioning's start, {name}"
        found.append(f"{start}: {'; '.join(parts)}." if parts else f"{start}: nothing more is on record.")
    return found
