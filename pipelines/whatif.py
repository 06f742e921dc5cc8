"""Other thresholds on what was measured already: the old answer beside the new one, and no model runs."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from curate import schema as c
from curate.errors import InputError, RecipeError
from pipelines import corpus, decide
from pipelines.columns import passes
from pipelines.recipe import Recipe
from pipelines.workspace import FUNNEL, SUBSET, Workspace

SHOWN = 5


@dataclass(frozen=True)
class WhatIf:
    old: list[dict[str, Any]]
    new: list[dict[str, Any]]
    gained: list[dict[str, Any]]  # uid, reason it was dropped before
    lost: list[dict[str, Any]]  # uid, reason it would be dropped

    def as_dict(self) -> dict[str, Any]:
        return {
            "old": self.old,
            "new": self.new,
            "kept": {"old": self.old[-1]["kept"], "new": self.new[-1]["kept"]},
            "gained": {"count": len(self.gained), "first": self.gained[:SHOWN]},
            "lost": {"count": len(self.lost), "first": self.lost[:SHOWN]},
        }


def whatif(before: Recipe, after: Recipe, workspace: Workspace) -> WhatIf:
    """Raises RecipeError for a change that needs a run, InputError for numbers that are not stored."""
    _only_filters(before, after)
    for work in (w for item in after.filters for w in item.passes()):
        _is_stored(work, after, workspace)
    then = pl.from_arrow(workspace.folder.read_table(SUBSET, [c.UID, c.KEEP, c.REASON]))
    answer = decide.answer(after, workspace)
    now = pl.from_arrow(answer.table.select([c.KEEP, c.REASON]))
    assert isinstance(then, pl.DataFrame) and isinstance(now, pl.DataFrame)
    both = pl.concat([then, now.rename({c.KEEP: "now", c.REASON: "why"})], how="horizontal")
    gained = both.filter(~pl.col(c.KEEP) & pl.col("now")).select(c.UID, pl.col(c.REASON))
    lost = both.filter(pl.col(c.KEEP) & ~pl.col("now")).select(c.UID, pl.col("why").alias(c.REASON))
    return WhatIf(
        workspace.folder.read_json(FUNNEL), [row.as_dict() for row in answer.funnel], gained.to_dicts(), lost.to_dicts()
    )


def _only_filters(before: Recipe, after: Recipe) -> None:
    for name in type(before).model_fields:
        if name not in ("filters", "gates") and getattr(before, name) != getattr(after, name):
            raise RecipeError(
                f"whatif changes filters only; another {name!r} needs a run", f"curate run RECIPE --set {name}..."
            )


def _is_stored(work: Any, recipe: Recipe, workspace: Workspace) -> None:
    work = next(w for w in passes(recipe) if w.name == work.name)
    unit = next(corpus.units(workspace, work, corpus.MERGE))
    entry = workspace.manifest(unit.stage).entries.get(corpus.WHOLE)
    if entry is None or entry.fingerprint not in unit.fingerprints.values():
        raise InputError(
            f"{workspace.folder.url(unit.stage)}: not stored as far as this asks ({work.name}{work.identity()})",
            "make the change in the recipe and curate run it; only this pass is then made anew",
        )
