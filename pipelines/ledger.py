"""The ledger of a run: its rounds' records, in order. Nothing is appended to; each round has a file of its own."""

from typing import Any

from curate.dataset import UNDER as DATASET
from curate.errors import InputError
from curate.files import canonical_json, sha256
from pipelines.workspace import POOL, RECORD, Workspace, round_folder

VERSION = 1  # of a record
TIMES = ("seconds", "stages")  # what a record says of the sitting that made it


def read_all(run: Workspace) -> list[dict[str, Any]]:
    """The records that are true of what lies there.

    A record stops to be when the pool, its dataset or the round that it builds on became another: by a changed recipe,
    or by a run that was ended in the middle; or it is of another version. Then it is left out, with all that follow,
    until the loop was run again. Raises InputError for a file that is no record.
    """
    found: list[dict[str, Any]] = []
    while run.folder.exists(name := f"{round_folder(len(found))}/{RECORD}".lstrip("/")):
        record = read(run, name)
        here = Workspace(run.folder.at(round_folder(len(found)))) if found else run
        true = (
            record.get("version") == VERSION
            and record["pool"] == run.manifest(POOL).content()
            and record["dataset"] == here.manifest(DATASET).content()
            and record["builds_on"] == (digest(found[-1]) if found else None)
        )
        if not true:
            break
        found.append(record)
        if not record["decision"]["promoted"]:
            break
    return found


def read(workspace: Workspace, name: str = RECORD) -> dict[str, Any]:
    """One record. Raises InputError for a file that is none."""
    again = "remove that file: curate loop RECIPE writes it again"
    try:
        record = workspace.folder.read_json(name)
    except InputError as error:
        raise InputError(error.message, again) from error
    if not isinstance(record, dict):
        raise InputError(f"{workspace.folder.url(name)}: not the record of a round", again)
    return record


def digest(record: dict[str, Any]) -> str:
    """The hash that stands for a round in the record of the next one; how long it took does not matter."""
    return sha256(canonical_json({key: value for key, value in record.items() if key not in TIMES}))
