"""The ledger of a run: its rounds' records, in order. Nothing is appended to; each round has a file of its own."""

from typing import Any

from pipelines.workspace import RECORD, Workspace, round_folder


def read_all(run: Workspace) -> list[dict[str, Any]]:
    """The records of a run, round by round: the ledger."""
    found: list[dict[str, Any]] = []
    while run.folder.exists(name := f"{round_folder(len(found))}/{RECORD}".lstrip("/")):
        found.append(run.folder.read_json(name))
        if not found[-1]["decision"]["promoted"]:
            break
    return found
