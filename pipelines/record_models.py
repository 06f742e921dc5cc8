"""What the record of a round says of the models that the round trained: data, budget, hashes."""

from typing import Any

from curate.dataset import UNDER as DATASET
from curate.files import open_parquet
from curate.manifest import Manifest
from model_training.data.pairs import read_pairs
from pipelines.models import (
    captioning_section,
    fine_tuning,
    folds_of,
    only_trusted,
    scorer_section,
    trained_model,
    used,
    weights_of,
)
from pipelines.recipe import Recipe
from pipelines.recipe_loop import PRETRAINED
from pipelines.recipe_training import Training
from pipelines.train import checkpoint_hash, weights
from pipelines.training_shards import of_pretraining, of_scorer, of_trusted
from pipelines.workspace import TRAIN, TRUSTED, Workspace, model_folder


def scorers(recipe: Recipe, workspace: Workspace, source: Workspace | None) -> dict[str, Any]:
    """By name. `source`: the round whose dataset they are trained on; None in the first."""
    return {
        name: _scorer(recipe, workspace, name, source)
        for name in used(recipe)
        if trained_model(recipe, name).role == "scorer"
    }


def captioning(recipe: Recipe, workspace: Workspace, source: Workspace | None) -> dict[str, Any]:
    """PRETRAINED, and the captioners and matchers that were fine-tuned from it, by name."""
    told: dict[str, Any] = {}
    for name in weights_of(recipe, workspace, used(recipe)):
        if name == PRETRAINED:
            section, data = captioning_section(recipe).pretrain, source or _own(workspace, PRETRAINED)
            repeats = section.trusted_repeats
            told[name] = {
                **_trained(recipe, workspace, name, section, of_pretraining(recipe, data, workspace).content, repeats),
                "pairs": _pairs(data),
            }
        elif tuned := _tuned(recipe, name):
            told[name] = {
                "as": trained_model(recipe, name).role,
                **_trained(recipe, workspace, name, tuned, of_trusted(recipe, workspace).content, 1),
            }
    return told


def _tuned(recipe: Recipe, name: str) -> Training | None:
    return fine_tuning(recipe, name) if trained_model(recipe, name).role != "scorer" else None


def _scorer(recipe: Recipe, workspace: Workspace, name: str, source: Workspace | None) -> dict[str, Any]:
    section, data, alone = scorer_section(recipe), source or _own(workspace, name), only_trusted(recipe, name)
    content = of_scorer(recipe, name, data, workspace).content
    return {
        **_trained(recipe, workspace, name, section, content, section.trusted_repeats or int(alone)),
        "folds": folds_of(recipe, name, workspace),
        "rounds": 1 if alone else section.rounds,
        "pairs": 0 if alone else _pairs(data),
    }


def _trained(
    recipe: Recipe, workspace: Workspace, name: str, section: Training, content: str, repeats: int
) -> dict[str, Any]:
    own = _own(workspace, name)
    return {
        "objective": section.objective,
        "model": section.model,
        "models": len(Manifest.load(own.folder, TRAIN).entries),
        "samples_seen": section.samples_seen,
        "trusted": _trusted(recipe, workspace) if repeats else 0,
        "data": content,
        "checkpoint": checkpoint_hash(weights(own)),
    }


def _own(workspace: Workspace, name: str) -> Workspace:
    return Workspace(workspace.folder.at(model_folder(name)))


def _pairs(data: Workspace) -> int:
    return sum(entry.states.get("written", 0) for entry in data.manifest(DATASET).entries.values())


def _trusted(recipe: Recipe, workspace: Workspace) -> int:
    """Pairs of the recipe's table, and those that were accepted."""
    accepted = workspace.manifest(TRUSTED).states().get("accepted", 0)
    return _rows(recipe.loop.trusted if recipe.loop else None) + accepted


def _rows(table: str | None) -> int:
    if table is None:
        return 0
    if not table.endswith(".parquet"):
        return sum(1 for _ in read_pairs(table))
    with open_parquet(table) as file:
        return int(file.metadata.num_rows)
