"""How far a run is, from its manifests; also while it is running."""

from typing import Any

from pipelines.columns import families, passes
from pipelines.lock import holder
from pipelines.recipe import Recipe
from pipelines.workspace import DATASET, INPUT, POOL, REPORT, SUBSET, Workspace


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
    root = workspace.manifest("").entries
    decided = root["subset"].rows if "subset" in root else 0
    kept = root["subset"].states.get("kept", 0) if "subset" in root else 0
    written = workspace.manifest(DATASET).states().get("written", 0)
    stages.append(_stage("filters", decided, asked))
    stages.append(_stage("dataset", written, kept) if decided else _stage("dataset", 0, asked))
    return {
        "run": workspace.folder.url(),
        "running": holder(workspace),
        "stages": stages,
        "outcomes": workspace.manifest(POOL).states(),
        "kept": kept,
        "report": workspace.folder.url(REPORT) if workspace.folder.exists(REPORT) else None,
        "subset": workspace.folder.exists(SUBSET),
    }


def _stage(name: str, rows: int, of: int) -> dict[str, Any]:
    state = "done" if rows == of and of else "begun" if rows else "waits"
    return {"stage": name, "rows": rows, "of": of, "state": state}
