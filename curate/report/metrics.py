"""Evaluation results: mean and spread over seeds, never one seed alone."""

import polars as pl

EVAL, METRIC, SEED, VALUE, COUNT = "eval", "metric", "seed", "value", "n"


def metric_rows(metrics: pl.DataFrame | None) -> list[dict]:
    """A row per eval, metric and whatever else is compared (arm, round): mean, sd, seeds, n.

    `compared` names that else; `place` is the mean's place between 0 and the best of its eval and metric.
    """
    if metrics is None or not len(metrics):
        return []
    others = [name for name in metrics.columns if name not in (EVAL, METRIC, SEED, VALUE, COUNT)]
    rows = (
        metrics.group_by(EVAL, METRIC, *others)
        .agg(
            pl.col(VALUE).sort().mean().alias("mean"),
            pl.col(VALUE).sort().std().alias("sd"),
            pl.len().alias("seeds"),
            pl.col(COUNT).max() if COUNT in metrics.columns else pl.lit(None).alias(COUNT),
        )
        .with_columns((pl.col("mean") / pl.col("mean").max().over(EVAL, METRIC)).alias("place"))
        .sort(EVAL, METRIC, "mean", *others, descending=[False, False, True, *[False] * len(others)])
    )
    return [
        {**row, "compared": " ".join(f"{row[name]}" for name in others), "place": _within_one(row["place"])}
        for row in rows.to_dicts()
    ]


def _within_one(place: float | None) -> float:
    return min(max(place, 0.0), 1.0) if place is not None and place == place else 0.0
