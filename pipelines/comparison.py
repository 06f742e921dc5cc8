"""What the arms' models came to: means, spread over seeds, and paired intervals over seeds and items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from model_training.evaluation import bootstrap, kinds
from pipelines.recipe_eval import Evaluation
from pipelines.workspace import EVAL, Workspace

CURATED, RAW, RANDOM, ORACLE = "curated", "raw", "random", "oracle"
ORDER = (RAW, RANDOM, CURATED, ORACLE)

Key = tuple[str, str]  # evaluation, metric


@dataclass(frozen=True)
class Outcomes:
    """One arm's evaluations: per metric the value and the items' contributions of every seed."""

    seeds: list[int]
    values: dict[Key, list[float]] = field(default_factory=dict)
    counts: dict[Key, int] = field(default_factory=dict)
    hits: dict[Key, np.ndarray] = field(default_factory=dict)  # (seeds, items) float32

    def primary(self, evaluation: Evaluation) -> Key:
        """The number that stands for an evaluation."""
        given = (metric for name, metric in self.values if name == evaluation.name)
        return evaluation.name, kinds.primary(evaluation.kind, given)

    @classmethod
    def read(cls, workspace: Workspace) -> "Outcomes":
        found = cls(sorted(map(int, workspace.manifest(EVAL).entries)))
        hits: dict[Key, list[Any]] = {}
        for seed in found.seeds:
            for row in workspace.folder.read_table(f"{EVAL}/{seed}.parquet").to_pylist():
                key = row["eval"], row["metric"]
                found.values.setdefault(key, []).append(row["value"])
                found.counts[key] = row["n"]
                if row["hits"] is not None:
                    hits.setdefault(key, []).append(row["hits"])
        found.hits.update({key: np.asarray(rows, np.float32) for key, rows in hits.items()})
        return found


def results(arms: Mapping[str, Outcomes], evaluations: Sequence[Evaluation], seed: int) -> list[dict[str, Any]]:
    """A row per arm, evaluation and metric: values by seed, mean, standard deviation, 95 % interval."""
    use = {evaluation.name: evaluation.use for evaluation in evaluations}
    rows = []
    for arm, outcomes in arms.items():
        for (name, metric), values in outcomes.values.items():
            hits = outcomes.hits.get((name, metric))
            low, high = bootstrap.interval(hits, seed=seed) if hits is not None else (None, None)
            rows.append(
                {
                    "arm": arm,
                    "eval": name,
                    "use": use[name],
                    "metric": metric,
                    "values": {str(s): v for s, v in zip(outcomes.seeds, values, strict=True)},
                    "mean": float(np.mean(values)),
                    "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                    "low": low,
                    "high": high,
                    "n": outcomes.counts[name, metric],
                }
            )
    return rows


def differences(arms: Mapping[str, Outcomes], evaluations: Sequence[Evaluation], seed: int) -> list[dict[str, Any]]:
    """Curated against raw, random and its ablations, by the first metric of each evaluation.

    `se` is the standard error of the seeds' differences, None for one seed.
    """
    rows = []
    for evaluation in evaluations:
        for against in (name for name in arms if name not in (CURATED, ORACLE)):
            found = difference(arms, CURATED, against, evaluation, seed)
            if found is not None:
                seeds = paired(arms, CURATED, against, arms[CURATED].primary(evaluation), seed)
                se = seeds["se"] if seeds is not None else None
                rows.append({"use": evaluation.use, "arm": CURATED, "against": against, **found, "se": se})
    return rows


def difference(
    arms: Mapping[str, Outcomes], arm: str, against: str, evaluation: Evaluation, seed: int, level: float = 0.95
) -> dict[str, Any] | None:
    """mean(arm) - mean(against), paired over seeds and items; None where one of them is not there."""
    if arm not in arms or against not in arms:
        return None
    key = arms[arm].primary(evaluation)
    tables = [arms[name].hits.get(key) for name in (arm, against)]
    if tables[0] is None or tables[1] is None or tables[0].shape != tables[1].shape:
        return None
    value, low, high = bootstrap.difference(tables[0], tables[1], level=level, seed=seed)
    return {"eval": evaluation.name, "metric": key[1], "value": value, "low": low, "high": high}


def paired(arms: Mapping[str, Outcomes], arm: str, against: str, key: Key, seed: int) -> dict[str, Any] | None:
    """One metric of `arm` less that of `against`, seed by seed; None where one of them has not the same seeds.

    `sd` and `se` are of the seeds' differences: se = sd / sqrt(seeds), None for one seed. `low` and `high` are the 95 %
    interval over seeds and items, None for a metric that items do not sum to.
    """
    mine, other = (arms[name].values.get(key) for name in (arm, against))
    if mine is None or other is None or arms[arm].seeds != arms[against].seeds or len(mine) != len(other):
        return None
    apart = [a - b for a, b in zip(mine, other, strict=True)]
    sd = float(np.std(apart, ddof=1)) if len(apart) > 1 else None
    tables = [arms[name].hits.get(key) for name in (arm, against)]
    low = high = None
    if tables[0] is not None and tables[1] is not None and tables[0].shape == tables[1].shape:
        _, low, high = bootstrap.difference(tables[0], tables[1], seed=seed)
    return {
        "eval": key[0],
        "metric": key[1],
        "values": {str(s): v for s, v in zip(arms[arm].seeds, apart, strict=True)},
        "value": float(np.mean(apart)),
        "sd": sd,
        "se": sd / len(apart) ** 0.5 if sd is not None else None,
        "low": low,
        "high": high,
    }


def gap_closed(arms: Mapping[str, Outcomes], evaluations: Sequence[Evaluation], seed: int) -> list[dict[str, Any]]:
    """(curated - raw) / (oracle - raw), by the first metric of each evaluation; null where there is no gap."""
    rows = []
    for evaluation in evaluations:
        if not {RAW, CURATED, ORACLE} <= arms.keys():
            continue
        key = arms[CURATED].primary(evaluation)
        tables = [arms[name].hits[key] for name in (RAW, CURATED, ORACLE) if key in arms[name].hits]
        if len(tables) == 3 and len({table.shape for table in tables}) == 1:
            raw, curated, oracle = tables
            value, low, high = (_finite(v) for v in bootstrap.gap_closed(raw, curated, oracle, seed=seed))
            rows.append({"eval": key[0], "metric": key[1], "value": value, "low": low, "high": high})
    return rows


def _finite(value: float) -> float | None:
    """JSON has neither NaN nor infinity: both are null."""
    return value if np.isfinite(value) else None
