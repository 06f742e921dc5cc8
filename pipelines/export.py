"""What `curate export` writes: a subset of a run's pool, or of tars, in DataComp's layout (`curate.reshard`).

A sample of a run is a pair, as DataComp's are: `UID-j.jpg`, `.txt` where it has a text, and `.json` with the names
that img2dataset gives. An image with several kept texts is there once for each of them.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import fsspec
import numpy as np
import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.dataset import extension
from curate.errors import InputError, MachineError
from curate.files import Folder, sha256
from curate.filters.listed import uids
from curate.reshard import BYTES, SAMPLES, Resharded, Sample, copy_samples, tar_samples
from curate.schema import Outcome
from curate.shard_writer import Parts
from curate.subset import REPEATED, datacomp_uids
from curate.uid import fingerprint, pack_uids
from pipelines.inputs.places import expand
from pipelines.progress import Progress
from pipelines.workspace import POOL, RECIPE, SUBSET, SYNTHETIC, Workspace

TOLD = (c.UID, c.IMAGE_UID, c.KEY, c.URL, c.CAPTION, c.LABEL, c.ORIGIN, c.STATUS, c.FORMAT, c.SHA256)
SIZES = (c.WIDTH, c.HEIGHT, c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT)


def export_run(
    workspace: Workspace,
    subset: str | None,
    out: str,
    progress: Progress,
    *,
    samples_per_shard: int = SAMPLES,
    bytes_per_shard: int = BYTES,
) -> Resharded:
    """A run's own subset with its copies, or another list of uids (.npy or .parquet) of its pool.

    Raises InputError for what cannot be read or has changed, MachineError for a folder that holds other things.
    """
    _stays_outside(workspace, out)
    pool, verdicts = workspace.manifest(POOL), workspace.folder.read_table(SUBSET, [c.UID, c.KEEP, c.COPIES])
    texts = workspace.manifest(SYNTHETIC)
    if verdicts.num_rows != pool.rows() + texts.rows():
        raise InputError(
            f"{workspace.folder.url(SUBSET)}: has {verdicts.num_rows:,} rows, the pool {pool.rows() + texts.rows():,}",
            f"curate run {quote(workspace.folder.url(RECIPE))} decides anew",
        )
    wanted = packed(subset) if subset is not None else datacomp_uids(verdicts)
    own = workspace.folder.sha256(SUBSET) if subset is None else None
    batches = _pool_samples(workspace, own is not None)
    return _copied(
        batches,
        len(pool.entries) + len(texts.entries),
        "shards",
        progress,
        wanted,
        out,
        ("run", pool.content(), own, *([texts.content()] if texts.entries else [])),
        samples_per_shard,
        bytes_per_shard,
    )


def export_tars(
    patterns: list[str],
    subset: str,
    out: str,
    progress: Progress,
    *,
    samples_per_shard: int = SAMPLES,
    bytes_per_shard: int = BYTES,
) -> Resharded:
    """The uids of a list (.npy or .parquet), from tars that img2dataset or DataComp wrote."""
    try:
        tars = expand(patterns, "tar")
    except InputError as error:
        raise InputError(error.message, "name the shards: --shards 'shards/*.tar', quoted") from error
    tars = [tar for tar in tars if tar.endswith(".tar")]
    if not tars:
        raise InputError(f"{', '.join(patterns)}: none of these is a .tar", "name the shards: --shards 'shards/*.tar'")
    known = ("tars", [(tar, _state(tar)) for tar in tars])
    return _copied(
        tar_samples(tars), len(tars), "tars", progress, packed(subset), out, known, samples_per_shard, bytes_per_shard
    )


def packed(path: str) -> np.ndarray:
    """The uids of a list as DataComp's pairs of integers."""
    listed = uids(path)
    try:
        return pack_uids(listed)
    except ValueError as error:
        raise InputError(f"{path}: {error}", "the column uid holds 32 lower-case hex digits a row") from error


def _copied(
    batches: Iterator[list[Sample]],
    size: int,
    unit: str,
    progress: Progress,
    wanted: np.ndarray,
    out: str,
    known: tuple[object, ...],
    samples_per_shard: int,
    bytes_per_shard: int,
) -> Resharded:
    def watched() -> Iterator[list[Sample]]:
        for batch in batches:
            yield batch
            progress.advance(1)

    progress.stage("export", size, unit)
    found = copy_samples(
        watched(),
        wanted,
        Folder(out),
        fingerprint(*known),
        samples_per_shard=samples_per_shard,
        bytes_per_shard=bytes_per_shard,
    )
    there = f", {found.passed:,} of them there already" if found.passed else ""
    progress.end(f"{found.output_count:,} samples in {found.output_shard_count:,} shards{there}")
    return found


def _pool_samples(workspace: Workspace, own: bool) -> Iterator[list[Sample]]:
    """The downloaded rows in the pool's order, each uid once, then what captioners wrote. `own`: only what was kept."""
    images, start = _Images(workspace.folder), 0
    verdicts = _frame(workspace.folder.read_table(SUBSET, [c.KEEP, c.REASON]))
    once = pl.col(c.KEEP) if own else (pl.col(c.OUTCOME) == str(Outcome.OK)) & pl.col(c.REASON).ne_missing(REPEATED)
    names = [*TOLD, *SIZES, c.OUTCOME, c.TAR, c.OFFSET, c.SIZE, c.STORED_SHA256]
    with images:
        for under in (POOL, SYNTHETIC):
            for shard, entry in sorted(workspace.manifest(under).entries.items()):
                rows = _frame(workspace.folder.read_table(f"{under}/{shard}.parquet", names))
                rows = pl.concat([rows, verdicts.slice(start, entry.rows)], how="horizontal").filter(once)
                start += entry.rows
                yield [Sample(row[c.UID], partial(_parts, row, images)) for row in rows.iter_rows(named=True)]


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _parts(row: dict[str, Any], images: "_Images") -> Parts:
    data = images.read(row)
    about = {name: row[name] for name in (*TOLD, *SIZES)}
    parts = {extension(data): data, "json": json.dumps(about, ensure_ascii=False, sort_keys=True).encode()}
    return parts if row[c.CAPTION] is None else {**parts, "txt": row[c.CAPTION].encode()}


class _Images(ExitStack):
    """The stored bytes of pool rows; a tar stays open for as long as rows of it are asked for."""

    def __init__(self, run: Folder) -> None:
        super().__init__()
        self._run, self._tar, self._stream = run, "", None

    def read(self, row: dict[str, Any]) -> bytes:
        stream = self._opened(row[c.TAR])
        stream.seek(row[c.OFFSET])
        data: bytes = stream.read(row[c.SIZE])
        if row[c.STORED_SHA256] not in (None, sha256(data)):
            raise InputError(
                f"{self._place(row[c.TAR])}: what lies at byte {row[c.OFFSET]:,} is not the image of {row[c.UID]}",
                f"curate verify {quote(self._run.url())} tells what is damaged",
            )
        return data

    def _opened(self, tar: str) -> Any:
        if self._stream is None or self._tar != tar:
            self.close()
            folder, _, base = self._place(tar).rpartition("/")
            try:
                self._tar, self._stream = tar, self.enter_context(Folder(folder or "/").open(base))
            except FileNotFoundError as error:
                place = self._place(tar)
                raise InputError(f"{place}: the pool names this tar and it is not there", "put it back") from error
        return self._stream

    def _place(self, tar: str) -> str:
        return tar if "/" in tar else self._run.url(f"{POOL}/{tar}")


def _stays_outside(workspace: Workspace, out: str) -> None:
    """What lies in a run is the run's."""
    run, there = (
        str(Path(place).resolve()) if "://" not in place else place for place in (workspace.folder.url(), out)
    )
    if there == run or there.startswith(f"{run.rstrip('/')}/"):
        raise MachineError(f"{out}: lies inside the run", "export to a folder outside of it")


def _state(tar: str) -> str:
    """What the file system says of a tar: reading them all to see that they are the same would take as long again."""
    fs, path = fsspec.core.url_to_fs(tar)
    about = fs.info(path)
    known = ("size", "ETag", "etag", "LastModified", "mtime", "md5", "md5Hash")
    return " ".join(str(about[name]) for name in known if about.get(name))
