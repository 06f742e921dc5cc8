"""record.json of a round: what went in, what came out, and all that it takes to make it again."""

import importlib.metadata
import json
from typing import Any

from curate import __version__
from curate.dataset import UNDER as DATASET
from curate.files import canonical_json, sha256
from pipelines import accepted
from pipelines import comparison as cmp
from pipelines.ledger import TIMES, VERSION, digest, read
from pipelines.recipe import Recipe
from pipelines.record_models import captioning, scorers
from pipelines.robustness import robustness
from pipelines.rounds import Turn
from pipelines.train import checkpoint_hash, weights
from pipelines.workspace import POOL, RECORD, SUBSET, Workspace

PACKAGES = ("curate", "polars", "pyarrow", "pillow", "numpy", "torch", "open_clip_torch", "timm", "ray")


def publish(
    turn: Turn, decision: dict[str, Any], promoted: Turn | None, before: dict[str, Any] | None
) -> dict[str, Any]:
    """Write the record unless it is there. `before` is the record of the round that this one builds on."""
    context, recipe = turn.context, turn.context.recipe
    summary, seed = context.summary, recipe.seed
    source = turn.source.workspace if turn.source else None
    # Ablations are of the first round's scores: their numbers stay, but a difference to a later round is of two things.
    compared = {name: o for name, o in turn.outcomes.items() if not turn.number or name not in _ablations(recipe)}
    found = {
        "version": VERSION,
        "round": turn.number,
        "name": recipe.name,
        "seed": seed,
        "asked": summary.asked,
        "kept": summary.kept,
        "images": summary.images,
        "scorers": scorers(recipe, context.workspace, source),
        "captioning": captioning(recipe, context.workspace, source),
        "accepted": accepted.told(context.workspace),
        "agreement": turn.changes.agreement() if turn.changes else None,
        "changes": turn.changes.as_dict() if turn.changes else None,
        "health": turn.health.as_dict() if turn.health else None,
        "guards": turn.guards(),
        "arms": {name: _arm(inner.workspace) for name, inner in turn.arms.items()},
        "samples_seen": turn.train.samples_seen,
        "seeds": turn.train.seeds,
        "objective": turn.train.objective,
        "model": turn.train.model,
        "results": cmp.results(turn.outcomes, recipe.eval, seed) + robustness(turn.outcomes, recipe.eval),
        "differences": cmp.differences(compared, recipe.eval, seed),
        "gap_closed": cmp.gap_closed(turn.outcomes, recipe.eval, seed),
        "decision": decision,
        "seconds": round(turn.seconds, 1),
        "stages": {name: round(seconds, 1) for name, seconds in turn.stages.items()},
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
        known = read(context.workspace)
        apart = {"recipe": "", "builds_on": ""}  # other rounds or arms asked for: nothing of this one
        if digest({**known, **apart}) == digest({**made, **apart}):
            made.update({key: known[key] for key in TIMES if key in known})  # of the sitting that trained it
        if known == made:
            return known
    context.folder.write(RECORD, canonical_json(made))
    return made


def _ablations(recipe: Recipe) -> set[str]:
    return set(recipe.loop.ablations) if recipe.loop is not None else set()


def _arm(workspace: Workspace) -> dict[str, Any]:
    funnel = workspace.folder.read_json("funnel.json")
    return {
        "samples": funnel[-1]["kept"],
        "images": funnel[-1]["images"],
        "dataset": workspace.manifest(DATASET).content(),
        "checkpoint": checkpoint_hash(weights(workspace)),
    }


def packages() -> dict[str, str]:
    found = {"curate": __version__}
    for package in PACKAGES[1:]:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
