"""The data engine's commands: propose pairs to a person, trust what came back, or go on without one.

`pipelines.propose` has the three modes and their paper.
"""

import base64
import os
import posixpath
import shlex
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, sha256
from curate.proposals import Verdict, is_proposed, read_verdicts, table_of
from curate.report.proposals_page import MOST, render_proposals
from curate.report.thumbnails import thumbnail
from curate.uid import fingerprint
from pipelines import accepted
from pipelines.accept import ASKED, AUTOMATIC, Accepted, accept, note_beforehand, trust
from pipelines.context import Summary, session
from pipelines.engine.serial import SerialEngine
from pipelines.engine.unit import Engine
from pipelines.evidence import image_reader
from pipelines.ledger import read_all
from pipelines.loop import Loop
from pipelines.progress import Progress, Quiet
from pipelines.propose import Confident, Proposals, propose
from pipelines.recipe import Recipe
from pipelines.workspace import (
    CONSENT,
    DATASET,
    EVAL,
    LOGS,
    QUARANTINE,
    ROOMS,
    SHARED,
    SYNTHETIC,
    TRAIN,
    TRUSTED,
    Workspace,
)

COUNT = 500
PAGE = b": proposed pairs</title>"  # what a page of proposals has
OF_A_RUN = {*SHARED, CONSENT, QUARANTINE, SYNTHETIC, DATASET, TRAIN, EVAL, *ROOMS, LOGS, ASKED, "signals"}


@dataclass(frozen=True)
class Proposed:
    """What `--propose` wrote: a table and a page with the same pairs."""

    table: str
    page: str
    run: str
    round: str
    pairs: int  # for a person
    confident: int  # accepted by the model beforehand
    column: str
    cut: float
    bound: float | None


def propose_to(
    recipe: Recipe,
    place: str,
    count: int = COUNT,
    confident: Confident | None = None,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> Proposed:
    """Write proposals to `place`: a .parquet with thumbnails, a .csv, or a folder for the former; a page beside it.

    Raises InputError where that would overwrite anything but earlier proposals, or verdicts that were not accepted.
    """
    if not place.endswith((".parquet", ".csv")):
        place = posixpath.join(place, "proposals.parquet")
    head, name = posixpath.split(place)
    folder, page = Folder(head or "."), f"{posixpath.splitext(name)[0]}.html"
    with session(recipe, progress or Quiet(), engine) as context:
        _refuse_loss(folder, name, page, context.workspace)
        found = propose(context, count, confident)
        read = image_reader(context.workspace)
        small = [thumbnail(read(uid)) for uid in found.rows[c.IMAGE_UID]]
        note_beforehand(context.workspace, found.rows.filter(pl.col(c.ACCEPT))[c.UID])
    pictures = [base64.b64decode(one.uri.partition(",")[2]) if one else None for one in small]
    rows = found.rows.with_columns(pl.Series(c.THUMBNAIL, pictures, pl.Binary))
    folder.write(name, table_of(rows, name))
    facts = _facts(found)
    folder.write(page, render_proposals(recipe.name, found.rows.to_dicts(), small, facts, found.column).encode())
    sure = int(found.rows[c.ACCEPT].fill_null(False).sum())
    return Proposed(
        folder.url(name),
        folder.url(page),
        context.workspace.folder.url(),
        found.context.label or "the run",
        len(found.rows) - sure,
        sure,
        found.column,
        found.cut,
        found.bound,
    )


def _refuse_loss(folder: Folder, name: str, page: str, run: Workspace) -> None:
    place, other = folder.url(name), "name another table, outside of the run or in a new folder of its own there"
    inside = _below(folder, run.folder)
    if inside is not None and (not inside or inside.split("/")[0] in OF_A_RUN):
        raise InputError(f"{place}: that is among the run's own files", other)
    if folder.exists(page) and (folder.is_folder(page) or PAGE not in folder.read(page)):
        raise InputError(f"{folder.url(page)}: this file is no page of proposals, and would be overwritten", other)
    if not folder.exists(name):
        return
    data = b"" if folder.is_folder(name) else folder.read(name)
    if not is_proposed(data, name):
        raise InputError(f"{place}: this is no table of proposals, and would be overwritten", other)
    told = sum(verdict.by == c.PERSON for verdict in read_verdicts(data, name))
    if told and sha256(data) not in {entry.fingerprint for entry in run.manifest(TRUSTED).entries.values()}:
        raise InputError(
            f"{place}: {told:,} verdicts in it were not accepted yet, and would be overwritten",
            f"curate loop RECIPE --accept {shlex.quote(place)} first, or name another table",
        )


def _below(folder: Folder, run: Folder) -> str | None:
    """The path of a folder inside the run's, empty for that itself; None where it lies elsewhere."""
    if folder.local != run.local or (not run.local and folder.root.split("://")[0] != run.root.split("://")[0]):
        return None
    here, there = ((os.path.realpath(one.path()) if one.local else one.path()).rstrip("/") for one in (folder, run))
    return here[len(there) :].strip("/") if f"{here}/".startswith(f"{there}/") else None


def _facts(found: Proposals) -> dict[str, Any]:
    facts = {"ordered by": found.column, "threshold": found.cut, "run": found.context.workspace.folder.url()}
    if found.bound is not None:
        facts["accepted by the model beyond"] = found.bound
    if len(found.rows) > MOST:
        facts["not on this page, but in the table"] = len(found.rows) - MOST
    return facts


def accept_table(recipe: Recipe, table: str, progress: Progress | None = None) -> Accepted:
    """Trust what a table says of the run's pairs. Raises InputError for rows that cannot be."""
    with session(recipe, progress or Quiet(), SerialEngine()) as context:  # nothing is computed
        return accept(context.workspace, table)


def automatic(
    recipe: Recipe,
    confident: Confident,
    count: int = COUNT,
    progress: Progress | None = None,
    engine: Engine | None = None,
) -> tuple[Summary, list[dict[str, Any]], Accepted | None]:
    """Trust up to `count` pairs that the model is confident of, and run the loop with them.

    Where the loop has not been trained yet on what was trusted last, because it was interrupted or a person accepted a
    table meanwhile, it is trained on that, and nothing is accepted: the third result is None.
    """
    workspace, watcher = Workspace.at(recipe.run_dir), progress or Quiet()
    records, now = read_all(workspace), accepted.told(workspace)
    trained_on = records[-1].get("accepted") if records else None
    added = None
    if now == trained_on:
        with session(recipe, watcher, engine) as context:
            found = propose(context, count, confident)
            verdicts = [_by_model(row) for row in found.rows.filter(pl.col(c.ACCEPT)).iter_rows(named=True)]
            mark = fingerprint(AUTOMATIC, [(v.uid, v.proposed) for v in verdicts], found.bound)
            if verdicts:
                added = trust(context.workspace, verdicts, AUTOMATIC, f"beyond {found.bound:.4g}", mark)
            else:
                watcher.note(f"no pair that is not trusted yet is beyond {found.bound:.4g}: nothing is added")
    else:
        watcher.note("the loop has not been trained on the newest trusted pairs: that comes first, none are added")
    summary, records = Loop(recipe, watcher, engine).run()
    return summary, records, added


def _by_model(row: dict[str, Any]) -> Verdict:
    return Verdict("", row[c.UID], True, "", c.MODEL, row[c.IMAGE_UID], row[c.ORIGIN], row[c.PROPOSED])
