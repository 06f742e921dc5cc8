"""What a run's rounds and arms show: rows for a table, and plain sentences that claim no more than was measured."""

from collections.abc import Sequence

from curate.report import records as r
from curate.report.numbers import change, interval, measured
from curate.report.round_guards import captioners, guarded
from curate.report.verdicts import verdicts


def table(records: Sequence[dict]) -> list[dict]:
    """A row per round, evaluation, metric and arm, in that order, the arms raw, random, curated, oracle, others.

    `main` says whether the metric is the one that speaks for its evaluation; `share` whether it reads as a
    percentage. Any number may be None.
    """
    main = r.main_metrics(records)
    rows = []
    for record in records:
        arms = r.arms(record)
        order = {arm: place for place, arm in enumerate(arms)}
        found = r.results(record)
        blocks = {key: place for place, key in enumerate(dict.fromkeys((row["eval"], row["metric"]) for row in found))}
        evals = {name: place for place, name in enumerate(main)}
        for row in sorted(
            found,
            key=lambda row: (
                evals[row["eval"]],
                row["metric"] != main[row["eval"]],
                blocks[row["eval"], row["metric"]],
                order[row["arm"]],
            ),
        ):
            rows.append(
                {
                    "round": r.number_of(record),
                    **row,
                    **arms[row["arm"]],
                    "main": row["metric"] == main[row["eval"]],
                    "share": r.is_share(records, row["eval"], row["metric"]),
                }
            )
    return rows


def words(records: Sequence[dict]) -> list[str]:
    """Plain sentences: the verdicts, then what became of each round, what was held equal, and the scorers."""
    return [*(verdict.text for verdict in verdicts(records)), *circumstances(records)]


def circumstances(records: Sequence[dict]) -> list[str]:
    """All sentences but the verdicts."""
    if not records:
        return []
    told: dict[str, list[str]] = {}
    for record in records:
        for sentence in [*scorers(record), *captioners(record), *accepted(record)]:
            told.setdefault(sentence, []).append(str(r.number_of(record)))
    alike = [
        sentence if len(records) == 1 else f"{'Round' if len(found) == 1 else 'Rounds'} {', '.join(found)}: {sentence}"
        for sentence, found in told.items()
    ]
    decided = [sentence for record in records if (sentence := _decision(record))]
    return [*decided, *(one for record in records for one in guarded(record)), *held_equal(records), *alike]


def _decision(record: dict) -> str:
    promoted = r.was_promoted(record)
    if promoted is None:
        return ""
    decision = record["decision"]
    why = str(decision.get("why") or "no reason is on record").rstrip(".")
    evals = [str(name) for name in decision.get("evals") or []]
    now, before = (r.finite(decision.get(key)) for key in ("now", "before"))
    metrics = r.main_metrics([record])
    share = all(r.is_share([record], name, metrics[name]) for name in evals if name in metrics)
    judged = ""
    if evals and now is not None:
        was = "" if before is None else f", {measured(before, share)} before"
        judged = f" Judged by {' and '.join(evals)}: {measured(now, share)}{was}."
    return f"Round {r.number_of(record)}: {'promoted' if promoted else 'no gain, not promoted'} ({why}).{judged}"


def held_equal(records: Sequence[dict]) -> list[str]:
    """What the arms of the standing round share, so that their data is all that differs."""
    record = r.standing(records)
    arms, found = r.arms(record), _setting(record)
    if len(arms) < 2 or not found:
        return []
    sentences = [f"Held equal for {', '.join(arms)}: {', '.join(found)}. Only the data differs."]
    if any(_setting(other) != found for other in records):
        sentences.append("The rounds were not trained alike: compare arms within a round, not between rounds.")
    return sentences


def _setting(record: dict) -> list[str]:
    seen, seeds = r.count(record.get("samples_seen")), r.seeds(record)
    return [
        *([f"model {record['model']}"] if record.get("model") else []),
        *([f"{seen:,} samples seen"] if seen is not None else []),
        *([f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(seeds)}"] if seeds else []),
    ]


def scorers(record: dict) -> list[str]:
    """How each scorer of a round was trained: cross-fitted over folds, on how many pairs."""
    found = []
    for name, scorer in (record.get("scorers") or {}).items():
        models, folds, pairs, trusted, seen = (
            r.count(scorer.get(key)) for key in ("models", "folds", "pairs", "trusted", "samples_seen")
        )
        parts, alone = [], pairs == 0 and bool(trusted)
        if folds is not None and folds > 1:
            parts.append(f"cross-fitted over {folds} folds, so that no pair is scored by a model trained on it")
        elif folds is not None and not alone:
            parts.append("not cross-fitted, so it scores pairs that it was trained on")
        if alone:
            parts.append(f"trained on {trusted:,} trusted pairs alone")
        elif pairs is not None:
            parts.append(f"trained on {pairs:,} pairs" + ("" if trusted is None else f" (trusted: {trusted:,})"))
        if seen is not None:
            parts.append(f"{seen:,} samples seen by each of {models}" if models else f"{seen:,} samples seen")
        if (rounds := r.count(scorer.get("rounds")) or 1) > 1:
            parts.append(f"averaged with the scorers of up to {rounds - 1} rounds before")
        found.append(f"Scorer {name}: {'; '.join(parts)}." if parts else f"Scorer {name}: nothing more is on record.")
    return found


def accepted(record: dict) -> list[str]:
    """How many pairs the data engine gave by each mode, and which share nobody but a model has seen."""
    found = record.get("accepted") or {}
    pairs, by_model = r.count(found.get("pairs")), r.count((found.get("by") or {}).get("model"))
    if not pairs:
        return []
    modes = ", ".join(f"{mode} {count:,}" for mode, count in (found.get("modes") or {}).items() if r.count(count))
    share = f"; {by_model / pairs:.0%} by a model alone" if by_model else ""
    return [f"Trusted beside the recipe's table: {pairs:,} accepted pairs ({modes}){share}."]


def ends(row: dict) -> str:
    """A row's 95% interval in words, or nothing where there is none at all."""
    low, high = (None if row[end] is None else measured(row[end], row["share"]) for end in ("low", "high"))
    return "" if low is None and high is None else interval(low, high)


def changes(records: Sequence[dict]) -> list[dict]:
    """A row per difference and per gap of every round: round, eval, metric, what; value, low, high and unit as text."""
    found = []
    for record in records:
        number = r.number_of(record)
        for row in r.comparisons(record, "differences"):
            share = r.is_share(records, row["eval"], row["metric"])
            texts = {key: change(row[key], share) for key in ("value", "low", "high")}
            what = f"{row['arm']} \u2212 {row['against']}"
            found.append({**row, **texts, "round": number, "what": what, "unit": "points" if share else ""})
        for row in r.comparisons(record, "gap_closed"):
            texts = {key: measured(row[key], True) for key in ("value", "low", "high")}
            found.append({**row, **texts, "round": number, "what": "gap from raw to oracle closed", "unit": ""})
    return found


def history(records: Sequence[dict]) -> list[dict]:
    """A row per round: round, promoted, kept, images, asked, both, newly_kept, newly_dropped, seconds."""
    return [
        {
            "round": r.number_of(record),
            "promoted": {True: "yes", False: "no gain", None: ""}[r.was_promoted(record)],
            **{key: r.count(record.get(key)) for key in ("asked", "kept", "images", "seconds")},
            **{
                key: r.count((record.get("agreement") or {}).get(key))
                for key in ("both", "newly_kept", "newly_dropped")
            },
        }
        for record in records
    ]
