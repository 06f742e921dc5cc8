"""Effective robustness in a run's results: what models have under a shift beyond what their accuracy foretells.

The line is fitted over baseline models: those of a table that the recipe names, or else those of the other arms, each
of their seeds being one. An arm is not its own baseline.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import yaml

from curate.errors import InputError
from model_training.evaluation.effective_robustness import LEAST, fitted
from model_training.evaluation.kinds import primary
from pipelines.comparison import Outcomes
from pipelines.recipe_eval import Evaluation

METRIC = "effective_robustness"
Accuracies = tuple[list[float], list[float]]  # without the shift, and with it


def robustness(arms: Mapping[str, Outcomes], evaluations: Sequence[Evaluation]) -> list[dict[str, Any]]:
    """A row per arm and evaluation with `shift_of`, as `comparison.results` has them, and what the line is.

    `values` and `mean` are differences of accuracies; `baselines` counts the models that the line goes through. A model
    that is right always or never has no logit: as a baseline it is left out, and without the shift it has null for a
    value. Where fewer than two baselines are left that differ without the shift, there is no line, and all is null:
    the other numbers of the models are known all the same. (The recipe's checks ask for two at the door.)
    """
    rows = []
    for entry in evaluations:
        if entry.shift_of is None:
            continue
        known = {name: _accuracies(outcomes, entry) for name, outcomes in arms.items()}
        table = read_baselines(entry) if entry.baselines is not None else None
        for name, outcomes in arms.items():
            line = table if table is not None else _others(known, name)
            rows.append({"arm": name, "eval": entry.name, "use": entry.use, **_row(outcomes, entry, known[name], line)})
    return rows


def _accuracies(outcomes: Outcomes, entry: Evaluation) -> Accuracies:
    """Of each seed, by the main metric of both evaluations."""
    found = []
    for name in (str(entry.shift_of), entry.name):
        metrics = [metric for (own, metric) in outcomes.values if own == name]
        found.append(outcomes.values.get((name, primary("zero_shot", metrics)), []))
    if not found[0] or len(found[0]) != len(found[1]):
        raise InputError(
            f"the models were not all judged by {entry.shift_of!r} and {entry.name!r}", "judge them again: curate eval"
        )
    return found[0], found[1]


def _others(known: Mapping[str, Accuracies], arm: str) -> Accuracies:
    others = [accuracies for name, accuracies in known.items() if name != arm]
    return [a for reference, _ in others for a in reference], [a for _, shifted in others for a in shifted]


def _row(outcomes: Outcomes, entry: Evaluation, own: Accuracies, line: Accuracies) -> dict[str, Any]:
    pairs = [(x, y) for x, y in zip(*line, strict=True) if 0 < x < 1 and 0 < y < 1]
    fit = fitted(*zip(*pairs, strict=True)) if len({x for x, _ in pairs}) >= LEAST else None
    values = [
        float(fit.effective_robustness(x, y)) if fit is not None and 0 < x < 1 else None
        for x, y in zip(*own, strict=True)
    ]
    numbers = [value for value in values if value is not None]
    return {
        "metric": METRIC,
        "values": {str(seed): value for seed, value in zip(outcomes.seeds, values, strict=True)},
        "mean": float(np.mean(numbers)) if numbers else None,
        "sd": float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None,
        "low": None,
        "high": None,
        "n": next(n for (name, _), n in outcomes.counts.items() if name == entry.name),
        "reference": entry.shift_of,
        "baselines": len(pairs),
        "slope": fit.slope if fit is not None else None,
        "intercept": fit.intercept if fit is not None else None,
    }


def read_baselines(entry: Evaluation) -> Accuracies:
    """The accuracies of an entry's table: columns named after the evaluation without the shift, and after it.

    Raises InputError for a table that cannot be read, lacks a column, or holds what is no accuracy.
    """
    path, columns = str(entry.baselines), (str(entry.shift_of), entry.name)
    hint = f"write a .parquet, .csv or .yaml with the columns {columns[0]} and {columns[1]}, a row for each model"
    try:
        table = _table(path)
    except (OSError, ValueError, TypeError, yaml.YAMLError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: not readable as a table ({str(error).splitlines()[0]})", hint) from error
    found = []
    for column in columns:
        if column not in table.columns:
            raise InputError(f"{path}: no column {column!r}; there are {', '.join(map(repr, table.columns))}", hint)
        values = table[column]
        if not values.dtype.is_numeric() or values.null_count() or not values.is_between(0, 1).all():
            raise InputError(f"{path}: {column!r} holds what is no accuracy in [0, 1]", hint)
        found.append([float(value) for value in values])
    return found[0], found[1]


def _table(path: str) -> pl.DataFrame:
    suffix = Path(path).suffix
    if suffix == ".parquet":
        return pl.read_parquet(path)
    if suffix == ".csv":
        return pl.read_csv(path)
    return pl.DataFrame(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
