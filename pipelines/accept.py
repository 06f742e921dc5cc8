"""Verdicts on proposed pairs: the accepted become trusted pairs of the run, the rejected are never proposed again.

Accepted images are copied from the pool, checked against what the pool says of them. A table that was accepted
already, byte for byte, changes nothing; of a pair that was decided before, the first verdict stands.
"""

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.dataset import POOL_COLUMNS, arrange, build_shard
from curate.errors import InputError
from curate.files import Folder, canonical_json, sha256, table_bytes
from curate.manifest import Entry
from curate.pool import Pool
from curate.proposals import Verdict, read_verdicts, refuse
from curate.uid import synthetic_uid
from pipelines import accepted
from pipelines.workspace import TRUSTED, Workspace

ASSISTED, SEMI, AUTOMATIC = "assisted", "semi-automatic", "automatic"
ASKED = "proposed"  # the folder of what the run remembers of its proposals
BEFOREHAND = f"{ASKED}/by_model.json"  # uids of the pairs that a model accepted in one


@dataclass(frozen=True)
class Accepted:
    """What a table came to. `told`: of all tables of the run so far, as in a round's record."""

    table: str
    accepted: int
    rejected: int
    known: int  # verdicts on pairs that were decided before
    again: bool  # the very table was accepted before
    told: dict[str, Any]


def accept(workspace: Workspace, table: str) -> Accepted:
    """Take a person's verdicts: a .parquet, .csv or .json. Raises InputError, with the rows that are wrong."""
    head, name = posixpath.split(table)
    folder = Folder(head or ".")
    if not folder.exists(name) or folder.is_folder(name):
        raise InputError(f"{table}: there is no such file", "give --accept the table that was filled in")
    data = folder.read(name)
    digest = sha256(data)
    if known := _again(workspace, table, digest):
        return known
    verdicts = read_verdicts(data, name)
    if not verdicts:
        raise InputError(
            f"{table}: no row has {c.ACCEPT} true or false", "decide at least one pair, and save the table"
        )
    _check_models(workspace, verdicts)
    mode = SEMI if any(verdict.by == c.MODEL for verdict in verdicts) else ASSISTED
    return trust(workspace, verdicts, mode, table, digest)


def note_beforehand(workspace: Workspace, uids: Iterable[str]) -> None:
    """Pairs that are about to be proposed as accepted by the model: only of these a table may say so."""
    known = _beforehand(workspace)
    if new := set(uids) - known:
        workspace.folder.write(BEFOREHAND, canonical_json(sorted(known | new)))


def _beforehand(workspace: Workspace) -> set[str]:
    return set(workspace.folder.read_json(BEFOREHAND)) if workspace.folder.exists(BEFOREHAND) else set()


def _check_models(workspace: Workspace, verdicts: Sequence[Verdict]) -> None:
    known = _beforehand(workspace)
    wrong = [
        f"{verdict.place}: {c.BY} is {c.MODEL}, and no proposal of this run accepted the pair beforehand"
        for verdict in verdicts
        if verdict.by == c.MODEL and verdict.uid not in known
    ]
    refuse(wrong, f"leave {c.BY} as it was proposed, or empty where a person has decided")


def _again(workspace: Workspace, table: str, digest: str) -> Accepted | None:
    manifest = workspace.manifest(TRUSTED)
    found = next((key for key, entry in manifest.entries.items() if entry.fingerprint == digest), None)
    if found is None or manifest.damage(found) is not None:
        return None
    return Accepted(table, 0, 0, manifest.entries[found].rows, True, accepted.told(workspace) or {})


def trust(workspace: Workspace, verdicts: Sequence[Verdict], mode: str, table: str, digest: str) -> Accepted:
    """Write what these verdicts say as the run's next table of trusted pairs."""
    manifest = workspace.manifest(TRUSTED)
    damaged = next((key for key, entry in manifest.entries.items() if entry.fingerprint == digest), None)
    decided = set(accepted.verdicts(workspace, but=damaged)[c.UID])
    new = [verdict for verdict in verdicts if verdict.uid not in decided]
    rows = _rows_of(workspace, new)
    key = damaged or f"{len(manifest.entries):05d}"
    files = {f"{key}.parquet": table_bytes(_table(new, rows, mode))}
    kept = [_pool_row(verdict, row) for verdict, row in zip(new, rows, strict=True) if verdict.accept]
    if kept:
        files[f"{key}.tar"] = _tar(workspace, kept)
    for base, data in files.items():
        workspace.folder.write(f"{TRUSTED}/{base}", data)
    records = {base: {"sha256": sha256(data), "bytes": len(data)} for base, data in files.items()}
    states = {"accepted": len(kept), "rejected": len(new) - len(kept)}
    manifest.entries[key] = Entry(digest, len(new), states, records)
    manifest.save()
    told = accepted.told(workspace) or {}
    return Accepted(table, len(kept), len(new) - len(kept), len(verdicts) - len(new), False, told)


def _rows_of(workspace: Workspace, verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """Of each verdict the pool's row of its image. Raises InputError for pairs that are not of this run."""
    uids, images = _pool(workspace, verdicts)
    found, wrong = [], []
    for verdict in verdicts:
        made = verdict.origin == c.SYNTHETIC
        row = images.get(verdict.image_uid or "") if made else uids.get(verdict.uid)
        problem = _problem(verdict, row, made)
        if problem:
            wrong.append(f"{verdict.place}: {problem}")
        elif row is not None:
            found.append(row)
    run = workspace.folder.url()
    refuse(wrong, f"correct these rows, or leave them out; the run is {run}")
    return found


def _problem(verdict: Verdict, row: dict[str, Any] | None, made: bool) -> str:
    if row is None:
        return f"the run has no {'image of the synthetic' if made else 'sample of'} uid {verdict.uid[:64]!r}"
    if made and verdict.uid != synthetic_uid(row[c.IMAGE_UID], verdict.proposed or ""):
        return f"{c.PROPOSED} is not the text of this uid; put it back, and write the better text into {c.EDITED}"
    text = verdict.proposed if made else row[c.CAPTION]
    if not made and verdict.proposed is not None and _plain(verdict.proposed) != _plain(text or ""):
        return f"{c.PROPOSED} was changed; put it back, and write the better text into {c.EDITED}"
    if not verdict.accept:
        return ""
    if row[c.OUTCOME] != c.Outcome.OK:
        return f"its image was not downloaded ({row[c.OUTCOME]}); take {c.ACCEPT} out"
    if not (verdict.edited or (text or "").strip()):
        return f"there is no text to accept; write one into {c.EDITED}"
    return ""


def _plain(text: str) -> str:
    """What a spreadsheet may change of a text, left out."""
    return " ".join(text.split())


def _pool(workspace: Workspace, verdicts: Sequence[Verdict]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of the pool by uid, and downloaded ones by image_uid, as far as the verdicts name them."""
    pool = Pool(workspace.folder)
    uids: dict[str, Any] = {}
    images: dict[str, Any] = {}
    wanted = pl.Series([verdict.uid for verdict in verdicts], dtype=pl.String).implode()
    pictures = pl.Series([v.image_uid for v in verdicts if v.image_uid is not None], dtype=pl.String).implode()
    for shard in pool.shards():
        frame = pl.from_arrow(pool.table(shard, [*POOL_COLUMNS, c.OUTCOME]))
        assert isinstance(frame, pl.DataFrame)
        for row in frame.filter(pl.col(c.UID).is_in(wanted) | pl.col(c.IMAGE_UID).is_in(pictures)).iter_rows(
            named=True
        ):
            uids.setdefault(row[c.UID], row)
            if row[c.OUTCOME] == c.Outcome.OK:
                images.setdefault(row[c.IMAGE_UID], row)
    return uids, images


def _text(verdict: Verdict, row: dict[str, Any]) -> str:
    return verdict.edited or (verdict.proposed if verdict.origin == c.SYNTHETIC else row[c.CAPTION]) or ""


def _table(verdicts: Sequence[Verdict], rows: Sequence[dict[str, Any]], mode: str) -> pa.Table:
    found = [
        {
            c.UID: verdict.uid,
            c.IMAGE_UID: row[c.IMAGE_UID],
            c.ORIGIN: c.SYNTHETIC if verdict.origin == c.SYNTHETIC else c.WEB,
            c.CAPTION: _text(verdict, row),
            c.ACCEPT: verdict.accept,
            c.EDITED: bool(verdict.edited),
            c.BY: verdict.by,
            c.MODE: mode,
        }
        for verdict, row in zip(verdicts, rows, strict=True)
    ]
    return pa.Table.from_pylist(found, schema=c.VERDICTS)


def _pool_row(verdict: Verdict, row: dict[str, Any]) -> dict[str, Any]:
    """The pool's row with the text that is trusted."""
    origin = c.SYNTHETIC if verdict.origin == c.SYNTHETIC else c.WEB
    known = {name: row[name] for name in POOL_COLUMNS}
    return {**known, c.UID: verdict.uid, c.ORIGIN: origin, c.CAPTION: _text(verdict, row)}


def _tar(workspace: Workspace, rows: list[dict[str, Any]]) -> bytes:
    schema = pa.schema([c.POOL.field(name) for name in POOL_COLUMNS])
    frame = pl.from_arrow(pa.Table.from_pylist(rows, schema=schema))
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(pl.lit(True).alias(c.KEEP), pl.lit(1, pl.Int32).alias(c.COPIES))
    tar, _, _ = build_shard(arrange(frame, [], len(frame)), [], Pool(workspace.folder))
    return tar
