"""record.json of a round: what went in, what came out, and all that it takes to make it again."""

import importlib.metadata
import json
from typing import Any

import pyarrow as pa

from curate import __version__
from curate import schema as c
from curate.dataset import UNDER as DATASET
from curate.files import canonical_json, open_parquet, sha256
from curate.manifest import Manifest
from pipelines import comparison as cmp
from pipelines.ledger import digest
from pipelines.models import folds_of, scorer_section
from pipelines.robustness import robustness
from pipelines.rounds import Turn
from pipelines.scorers import used
from pipelines.train import checkpoint_hash, weights
from pipelines.training_shards import of_scorer
from pipelines.workspace import POOL, RECORD, SUBSET, TRAIN, Workspace, model_folder

VERSION = 1
PACKAGES = ("curate", "polars", "pyarrow", "pillow", "numpy", "torch", "open_clip_torch", "timm", "ray")


def publish(
    turn: Turn, decision: dict[str, Any], promoted: Turn | None, before: dict[str, Any] | None
) -> dict[str, Any]:
    """Write the record unless it is there. `before` is the record of the round that this one builds on."""
    context, recipe = turn.context, turn.context.recipe
    summary, seed = context.summary, recipe.seed
    found = {
        "version": VERSION,
        "round": turn.number,
        "name": recipe.name,
        "seed": seed,
        "asked": summary.asked,
        "kept": summary.kept,
        "images": summary.images,
        "scorers": {name: _scorer(turn, name) for name in used(recipe)},
        "agreement": _agreement(promoted.context.workspace, context.workspace) if promoted else None,
        "arms": {name: _arm(inner.workspace) for name, inner in turn.arms.items()},
        "samples_seen": turn.train.samples_seen,
        "seeds": turn.train.seeds,
        "objective": turn.train.objective,
        "model": turn.train.model,
        "results": cmp.results(turn.outcomes, recipe.eval, seed) + robustness(turn.outcomes, recipe.eval),
        "differences": cmp.differences(turn.outcomes, recipe.eval, seed),
        "gap_closed": cmp.gap_closed(turn.outcomes, recipe.eval, seed),
        "decision": decision,
        "seconds": round(turn.seconds, 1),
        "source": promoted.number if promoted else None,
        "builds_on": digest(before) if before else None,
        "pool": context.workspace.manifest(POOL).content(),
        "subset": sha256(context.folder.read(SUBSET)),
        "dataset": context.workspace.manifest(DATASET).content(),
        "recipe": recipe.resolved(),
        "packages": packages(),
    }
    made: dict[str, Any] = json.loads(canonical_json(found))
    if context.folder.exists(RECORD):
        known: dict[str, Any] = context.folder.read_json(RECORD)
        if digest({**known, "recipe": ""}) == digest({**made, "recipe": ""}):
            made["seconds"] = known["seconds"]  # of the sitting that trained it
        if known == made:
            return known
    context.folder.write(RECORD, canonical_json(made))
    return made


def _scorer(turn: Turn, name: str) -> dict[str, Any]:
    recipe, folder = turn.context.recipe, turn.context.folder
    section, under = scorer_section(recipe), model_folder(name)
    own = Workspace(folder.at(under))
    source = turn.source.workspace if turn.source else own
    entries = source.manifest(DATASET).entries
    trusted = recipe.loop.trusted if recipe.loop and section.trusted_repeats else None
    return {
        "folds": folds_of(recipe, name),
        "members": len(Manifest.load(own.folder, TRAIN).entries),
        "samples_seen": section.samples_seen,
        "pairs": sum(entry.states.get("written", 0) for entry in entries.values()),
        "trusted": _rows(trusted),
        "data": of_scorer(recipe, name, source).content,
        "checkpoint": checkpoint_hash(weights(own)),
    }


def _rows(table: str | None) -> int:
    if table is None:
        return 0
    if not table.endswith(".parquet"):
        from model_training.data.pairs import read_pairs  # brings torch

        return sum(1 for _ in read_pairs(table))
    with open_parquet(table) as file:
        return int(file.metadata.num_rows)


def _arm(workspace: Workspace) -> dict[str, Any]:
    funnel = workspace.folder.read_json("funnel.json")
    return {
        "samples": funnel[-1]["kept"],
        "images": funnel[-1]["images"],
        "dataset": workspace.manifest(DATASET).content(),
        "checkpoint": checkpoint_hash(weights(workspace)),
    }


def _agreement(before: Workspace, now: Workspace) -> dict[str, int]:
    """How many samples both rounds keep, and how many only one of them."""
    columns: list[pa.ChunkedArray] = [w.folder.read_table(SUBSET, [c.KEEP]).column(0) for w in (before, now)]
    pairs = list(zip(*(column.to_pylist() for column in columns), strict=True))
    return {
        "both": sum(a and b for a, b in pairs),
        "newly_kept": sum(b and not a for a, b in pairs),
        "newly_dropped": sum(a and not b for a, b in pairs),
    }


def packages() -> dict[str, str]:
    found = {"curate": __version__}
    for package in PACKAGES[1:]:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
