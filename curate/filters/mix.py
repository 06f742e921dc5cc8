"""A mixture of several pools in given proportions, or of equal sizes (Nguyen et al. 2022, arXiv 2208.05516).

The pools are the values of a column (`by: source`), or conditions with a label; a sample is of the first condition
that is true. Of each pool the samples with the smallest draws are kept, keyed by (seed, uid), so that the mixture
depends on no order, and a smaller one is part of a larger one. Of the survivors, pool g with n_g samples and weight
w_g keeps floor(s * w_g), with the largest s that no pool falls short of: min of n_g / w_g. A `total` that is
smaller than that is met exactly: what floors leave over goes to the largest remainders, then by label.
Weights are read as the decimals that were written. A pool without a weight is dropped, one whose weight is above 0
and that has no samples makes the mixture empty; a sample that is of no pool was not measured (`:null`).
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from curate import schema as c
from curate.corpus import Tables
from curate.errors import RecipeError
from curate.filters.random_subset import drawn
from curate.filters.rule import Filter, Rule, parse_sql


class Mix(Filter):
    type: ClassVar[str] = "mix"
    paper: ClassVar[str] = "Nguyen et al. 2022, arXiv 2208.05516"
    by: str | None = Field(None, description="the column that tells the pools apart, such as source")
    groups: dict[str, str] | None = Field(None, description="or label -> condition in SQL")
    weights: dict[str, float] | None = Field(None, description="of each pool; null: equal sizes")
    total: int | None = Field(None, ge=0, description="samples; null: the most that there can be")
    seed: int = 0

    @field_validator("groups")
    @classmethod
    def _parse(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for label, sql in (value or {}).items():
            try:
                parse_sql(sql)
            except RecipeError as error:
                raise ValueError(f"{label}: {error.message}; {error.hint}") from error
        return value

    @model_validator(mode="after")
    def _agree(self) -> "Mix":
        if (self.by is None) == (self.groups is None):
            raise ValueError("give either by (a column) or groups (conditions)")
        if self.weights is not None and (min(self.weights.values(), default=0) < 0 or not any(self.weights.values())):
            raise ValueError("weights are not negative, and one is above 0")
        unknown = sorted(set(self.weights or ()) - set(self.groups)) if self.groups is not None else []
        if unknown:
            raise ValueError(f"weights: {', '.join(unknown)} is none of groups")
        return self

    def rules(self) -> list[Rule]:
        return [Rule("weights", compare=self._mixed, of="survivors")]

    def reads(self) -> set[str]:
        conditions = [parse_sql(sql).meta.root_names() for sql in (self.groups or {}).values()]
        return {c.UID}.union({self.by} if self.by else set(), *conditions)

    def _labels(self) -> pl.Expr:
        if self.by is not None:
            return pl.col(self.by).cast(pl.String)
        label = pl.lit(None, pl.String)
        for name, sql in reversed((self.groups or {}).items()):
            label = pl.when(parse_sql(sql)).then(pl.lit(name)).otherwise(label)
        return label

    def _mixed(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        labels = frame.select(self._labels().alias("label"))["label"]
        kept = np.zeros(len(frame), bool)
        there = labels.filter(asked).drop_nulls().value_counts()
        sizes = dict(zip(there["label"].to_list(), there["count"].to_list(), strict=True))
        weights = self.weights if self.weights is not None else dict.fromkeys(self.groups or sizes, 1.0)
        for label, count in shares(sizes, weights, self.total).items():
            rows = (asked & (labels == label)).fill_null(False).arg_true()
            kept[rows.to_numpy()[drawn(self.seed, frame[c.UID].gather(rows), count, "mix")]] = True
        return pl.select(pl.when(labels.is_not_null()).then(pl.Series(kept))).to_series()


def shares(sizes: Mapping[str, int], weights: Mapping[str, float], total: int | None = None) -> dict[str, int]:
    """How many of each pool: the largest possible in proportion, or `total` where that is less."""
    exact = {label: Fraction(str(weight)) for label, weight in sorted(weights.items()) if weight > 0}
    if not exact:
        return {}
    scale = min(sizes.get(label, 0) / weight for label, weight in exact.items())
    whole = sum(exact.values())
    if total is None or total >= scale * whole:
        return {label: int(scale * weight) for label, weight in exact.items()}
    wanted = {label: total * weight / whole for label, weight in exact.items()}
    counts = {label: int(value) for label, value in wanted.items()}
    by_remainder = sorted(wanted, key=lambda label: (counts[label] - wanted[label], label))
    for label in by_remainder[: total - sum(counts.values())]:
        counts[label] += 1
    return counts
