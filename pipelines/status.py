"""How far a run is, from its manifests; also while it is running."""

from typing import Any

from curate.manifest import Manifest
from pipelines.columns import families, passes
from pipelines.ledger import read_all
from pipelines.lock import holder
from pipelines.models import used, weights_of
from pipelines.recipe import Recipe
from pipelines.synthetic import writers
from pipelines.workspace import (
    DATASET,
    EVAL,
    INPUT,
    POOL,
    REPORT,
    SUBSET,
    SYNTHETIC,
    TRAIN,
    Workspace,
    model_folder,
)


def status(recipe: Recipe, workspace: Workspace) -> dict[str, Any]:
    """stages: [{stage, rows, of, state}], in the order of the data's way; running: the holder of the lock."""
    asked = workspace.manifest(INPUT).rows()
    stages = [_stage("input", asked, asked)]
    stages.append(_stage("pool", workspace.manifest(POOL).rows(), asked))
    for family in families(recipe):
        stages.append(_stage(f"signals/{family}", workspace.manifest(f"signals/{family}").rows(), asked))
    for work in passes(recipe):
        under = f"corpus/{work.name}"
        rows = workspace.manifest(under if work.schema is not None else f"{under}/partial").entries
        stages.append(_stage(under, sum(e.rows for s, e in rows.items() if s != "whole"), asked))
    for name, count in weights_of(recipe, workspace, used(recipe)).items():
        trained = Manifest.load(workspace.folder, f"{model_folder(name)}/{TRAIN}").entries
        stages.append(_stage(model_folder(name), len(trained), count, "models"))
    root = workspace.manifest("").entries
    decided = root["subset"].rows if "subset" in root else 0
    kept = root["subset"].states.get("kept", 0) if "subset" in root else 0
    written = workspace.manifest(DATASET).states().get("written", 0)
    texts = workspace.manifest(SYNTHETIC).rows()
    if writers(recipe):
        stages += _texts(workspace, texts, decided == asked + texts)
    stages.append(_stage("filters", decided, asked + texts))
    stages.append(_stage("dataset", written, kept) if decided else _stage("dataset", 0, asked))
    if recipe.train is not None:
        seeds = [str(seed) for seed in recipe.train.seeds]
        stages += [_models(workspace, under, seeds) for under in (TRAIN, EVAL)]
        stages += [_models(workspace, f"arms/{name}/{TRAIN}", seeds) for name in workspace.folder.names("arms")]
    return {
        "rounds": [
            {"round": record["round"], "kept": record["kept"], **record["decision"]} for record in read_all(workspace)
        ],
        "run": workspace.folder.url(),
        "running": holder(workspace),
        "stages": stages,
        "outcomes": workspace.manifest(POOL).states(),
        "kept": kept,
        "report": workspace.folder.url(REPORT) if workspace.folder.exists(REPORT) else None,
        "subset": workspace.folder.exists(SUBSET),
    }


def _texts(workspace: Workspace, texts: int, decided: bool) -> list[dict[str, Any]]:
    """How many texts the captioners will write is known when the filters have answered."""
    found = [{**_stage(SYNTHETIC, texts, texts), "state": "done" if decided else "begun" if texts else "waits"}]
    for under in workspace.appended()[1:]:
        entries = workspace.manifest(under).entries.items()
        found.append(_stage(under, sum(e.rows for s, e in entries if not s.startswith("whole")), texts))
    return found


def _models(workspace: Workspace, under: str, seeds: list[str]) -> dict[str, Any]:
    entries = Manifest.load(workspace.folder, under).entries
    return _stage(under, sum(seed in entries for seed in seeds), len(seeds), "models")


def _stage(name: str, count: int, of: int, unit: str = "rows") -> dict[str, Any]:
    state = "done" if count == of and of else "begun" if count else "waits"
    return {"stage": name, "rows": count, "of": of, "state": state, "unit": unit}
