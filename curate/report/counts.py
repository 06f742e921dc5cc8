"""Counts: how many were asked for, what became of them, and which rule took how many. Every column sums."""

from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from curate import schema as c
from curate.report.columns import FROM_WEB, NULL_SUFFIX, RULE, UNMEASURED, without_suffix

CLASS_OF = {str(outcome): str(kind) for outcome, kind in c.OUTCOME_CLASS.items()}
UNKNOWN = "unknown"


def share(part: float, whole: float) -> float:
    """part / whole, 0 of nothing."""
    return round(part / whole, 6) if whole else 0.0


def totals(frame: pl.LazyFrame) -> dict[str, int]:
    """rows = asked + synthetic = kept + dropped + unused; asked = downloaded + failed.

    `unused` are synthetic texts that were never let in; `images` counts distinct contents among the kept.
    """
    web, keep = pl.col(FROM_WEB), pl.col(c.KEEP)
    ok = pl.col(c.OUTCOME).eq_missing(c.Outcome.OK)
    row = frame.select(
        rows=pl.len(),
        asked=web.sum(),
        synthetic=(~web).sum(),
        downloaded=(web & ok).sum(),
        failed=(web & ~ok).sum(),
        kept=keep.sum(),
        dropped=(~keep & pl.col(c.REASON).is_not_null()).sum(),
        unused=(~keep & pl.col(c.REASON).is_null()).sum(),
        copies=pl.col(c.COPIES).filter(keep).sum(),
        images=pl.col(c.SHA256).filter(keep).drop_nulls().n_unique(),
        downloaded_images=pl.col(c.SHA256).filter(web & ok).drop_nulls().n_unique(),
    ).collect()
    return {name: int(value or 0) for name, value in row.row(0, named=True).items()}


def outcomes(frame: pl.LazyFrame) -> list[dict]:
    """A row per outcome of what was asked for, the most frequent first."""
    counted = (
        frame.filter(FROM_WEB)
        .group_by(pl.col(c.OUTCOME).fill_null(UNKNOWN).alias("outcome"))
        .agg(pl.len().alias("count"))
        .sort("count", "outcome", descending=[True, False])
        .collect()
    )
    asked = int(counted["count"].sum())
    return [
        {**row, "class": CLASS_OF.get(row["outcome"], UNKNOWN), "share": share(row["count"], asked)}
        for row in counted.to_dicts()
    ]


def outcome_classes(found: Sequence[dict]) -> list[dict]:
    """The same by class, in the order of the closed list."""
    sums: dict[str, int] = {}
    for row in found:
        sums[row["class"]] = sums.get(row["class"], 0) + row["count"]
    asked = sum(sums.values())
    order = [*map(str, c.OutcomeClass), UNKNOWN]
    return [{"class": name, "count": sums[name], "share": share(sums[name], asked)} for name in order if name in sums]


def funnel_rows(funnel: Sequence[dict]) -> list[dict]:
    """The funnel with two shares: of what came in, and of the rows asked for."""
    asked = funnel[0]["in"] if funnel else 0
    return [
        {
            **row,
            "kept_share": share(row["kept"], row["in"] + row["added"]),
            "of_asked": share(row["kept"], asked),
        }
        for row in funnel
    ]


def stages(funnel: Sequence[dict]) -> list[dict]:
    """The funnel with one row per stage: neighbours of one name are summed."""
    found: list[dict] = []
    for row in funnel:
        if found and found[-1]["stage"] == row["stage"]:
            last = found[-1]
            last["added"] += row["added"]
            last["dropped"] += row["dropped"]
            last["kept"], last["images"] = row["kept"], row["images"]
            last["rules"] += 1
        else:
            found.append({**row, "rules": 1})
    for row in found:
        row.pop("rule", None)
        row["kept_share"] = share(row["kept"], row["in"] + row["added"])
    return found


def adds_up(funnel: Sequence[dict]) -> bool:
    """in + added = dropped + kept in every row, and every in is the row before's kept."""
    inside = all(row["in"] + row["added"] == row["dropped"] + row["kept"] for row in funnel)
    return inside and all(row["in"] == before["kept"] for before, row in pairwise(funnel))


def rules(frame: pl.LazyFrame, funnel: Sequence[dict]) -> list[dict]:
    """Per rule: samples it dropped first, and samples that fail it at all; of both, how many unmeasured.

    `first` sums to the dropped. A failed download is asked no rule, so its `any` is its outcome's count.
    """
    first = (
        frame.filter(~pl.col(c.KEEP) & pl.col(RULE).is_not_null())
        .group_by(RULE)
        .agg(pl.len().alias("first"), pl.col(UNMEASURED).sum().alias("first_null"))
        .rename({RULE: "rule"})
    )
    failed = pl.col(c.FAILED).alias("entry")
    asked = (
        frame.select(failed)
        .explode("entry")
        .drop_nulls()
        .group_by(without_suffix(pl.col("entry")).alias("rule"))
        .agg(pl.len().alias("any"), pl.col("entry").str.ends_with(NULL_SUFFIX).sum().alias("any_null"))
    )
    not_downloaded = (
        frame.filter(pl.col(FROM_WEB) & pl.col(c.OUTCOME).ne(c.Outcome.OK))
        .group_by((pl.lit("download.") + pl.col(c.OUTCOME)).alias("rule"))
        .agg(pl.len().alias("any"), pl.lit(0, pl.UInt32).alias("any_null"))
    )
    any_of = pl.concat([asked, not_downloaded], how="vertical_relaxed").group_by("rule").agg(pl.all().max())
    rows = first.join(any_of, on="rule", how="full", coalesce=True).fill_null(0).collect().to_dicts()
    return _in_funnel_order(rows, funnel)


def _in_funnel_order(rows: list[dict], funnel: Sequence[dict]) -> list[dict]:
    names = [(row["stage"], row["rule"]) for row in funnel]
    stage_of = {f"{stage}.{rule}": stage for stage, rule in names}
    order = {name: place for place, name in enumerate(stage_of)}
    nothing = {"first": 0, "first_null": 0, "any": 0, "any_null": 0}
    found = {row["rule"]: row for row in rows}
    appending = {f"{row['stage']}.{row['rule']}" for row in funnel if row["added"]}
    named = [*order, *sorted(set(found) - set(order))]
    return [
        {
            **nothing,
            **found.get(name, {}),
            "rule": name,
            "stage": stage_of.get(name, name.split(".", 1)[0]),
        }
        for name in named
        if name in found or name not in appending
    ]


def table_of(frame: pl.LazyFrame, column: str, *, limit: int = 20) -> list[dict]:
    """The most frequent values of a text column: downloaded with it, and kept."""
    found = (
        frame.filter(pl.col(column).is_not_null())
        .group_by(pl.col(column).cast(pl.String).alias("value"))
        .agg(pl.len().alias("count"), pl.col(c.KEEP).sum().alias("kept"))
        .sort("count", "value", descending=[True, False])
        .collect()
    )
    total, kept = int(found["count"].sum()), int(found["kept"].sum())
    return [
        {**row, "share": share(row["count"], total), "kept_share": share(row["kept"], kept)}
        for row in found.head(limit).to_dicts()
    ]
