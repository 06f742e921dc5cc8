"""Proves from the files that a run is what its manifests say, and that every number adds up."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from curate import schema as c
from curate.dataset import UNDER as DATASET
from curate.errors import CurateError
from curate.files import ATTEMPT, sha256
from curate.manifest import Manifest
from curate.pool import Pool, image_columns
from curate.tars import index, split_key
from curate.uid import synthetic_uid
from pipelines.corpus import WHOLE
from pipelines.decide import ANSWERED
from pipelines.repeats import TAKEN, first_rows, is_repeats
from pipelines.synthetic import pool_shard
from pipelines.workspace import FUNNEL, INPUT, POOL, SUBSET, SYNTHETIC, Workspace, left_out


@dataclass
class Proof:
    files: int = 0
    bytes: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)
    quarantined: int = 0
    left_over: list[str] = field(default_factory=list)  # rounds and arms of an earlier pool

    def as_dict(self) -> dict[str, Any]:
        return {"ok": not self.problems, **self.__dict__}


Check = Callable[[Workspace, Proof], Iterator[str]]


def verify(workspace: Workspace) -> Proof:
    """The run, and the rounds, arms and models in it."""
    proof = Proof()
    _whole(workspace, proof, (_rows, _repeats, _texts, _funnel, _dataset))
    proof.rows = workspace.manifest(POOL).rows()
    for inner in workspace.inner():
        # What an earlier pool or recipe left is not wrong: its bytes are looked at, its sums are of another pool.
        current = True
        try:
            current = _is_of(inner, workspace.manifest(POOL))
        except CurateError as error:
            proof.problems.append(error.message)
        if not current:
            proof.left_over.append(inner.folder.url())
        _whole(inner, proof, (_texts, _funnel, _dataset) if current else ())
    return proof


def _is_of(inner: Workspace, pool: Manifest) -> bool:
    """Was it answered of the pool as it is now? Where nothing was answered there are no sums to be wrong."""
    answered = inner.manifest("").entries.get(ANSWERED)
    if answered is not None:
        return answered.fingerprint == pool.content()
    return not inner.folder.exists(FUNNEL) or bool(inner.folder.read_json(FUNNEL)[0]["in"] == pool.rows())


def _whole(workspace: Workspace, proof: Proof, checks: Sequence[Check]) -> None:
    shared = {name for name, _ in workspace.folder.mounts}
    folders = [under for under in workspace.stages() if under not in shared]
    folders += [f"{p}/partial" for p in workspace.passes() if workspace.folder.exists(f"{p}/partial/manifest.json")]
    for under in folders:
        try:
            _folder(workspace.manifest(under), proof)
        except CurateError as error:
            proof.problems.append(error.message)
    for check in checks:
        try:
            proof.problems += check(workspace, proof)
        except CurateError as error:
            proof.problems.append(error.message)


def _folder(manifest: Manifest, proof: Proof) -> None:
    named = {f"{manifest.under}/{b}".lstrip("/") for e in manifest.entries.values() for b in e.files}
    with ThreadPoolExecutor(4) as threads:
        proof.problems += [found for found in threads.map(manifest.damage, sorted(manifest.entries)) if found]
    proof.files += len(named)
    proof.bytes += sum(r["bytes"] for e in manifest.entries.values() for r in e.files.values())
    proof.quarantined += sum(left_out(manifest.under, e) for e in manifest.entries.values())
    if not manifest.under:
        return
    for name in manifest.folder.names(manifest.under):
        path = f"{manifest.under}/{name}"
        if name.startswith(ATTEMPT) or name == "manifest.json" or path in named:
            continue
        if manifest.folder.is_folder(path):
            continue
        proof.problems.append(f"{manifest.folder.url(path)}: no manifest names this file")


def _rows(workspace: Workspace, proof: Proof) -> Iterator[str]:
    """Rows asked for = rows of the pool = rows of every family and per-sample pass."""
    asked, pool, at = workspace.manifest(INPUT), workspace.manifest(POOL), workspace.folder.url
    for shard, entry in asked.entries.items():
        if shard not in pool.entries:
            yield f"{at(POOL)}/{shard}: not there; {entry.rows} rows of the input have no state"
        elif pool.entries[shard].rows != entry.rows:
            yield f"{at(POOL)}/{shard}: {pool.entries[shard].rows} rows, {entry.rows} were asked for"
    for under in [*workspace.families(), *workspace.passes()]:
        entries = workspace.manifest(under).entries
        for shard, entry in pool.entries.items():
            if shard in entries and entries[shard].rows != entry.rows:
                yield f"{at(under)}/{shard}: {entries[shard].rows} rows, the pool has {entry.rows}"


def _repeats(workspace: Workspace, proof: Proof) -> Iterator[str]:
    """A row whose URL was fetched for another row says what that row says, and its bytes lie where it says."""
    folder, pool = workspace.folder, Pool(workspace.folder)
    for shard in filter(is_repeats, pool.shards()):
        held = pool.table(shard)
        firsts = first_rows(folder, folder.read_table(f"{INPUT}/{shard}.parquet"))
        if not held.select(TAKEN).equals(firsts.select(TAKEN)):
            yield f"{folder.url(POOL)}/{shard}: not what came for the first rows of its URLs"
        stored = held.select([c.TAR, c.OFFSET, c.SIZE, c.STORED_SHA256]).filter(held.column(c.TAR).is_valid())
        stored = stored.sort_by([(c.TAR, "ascending"), (c.OFFSET, "ascending")])
        missing = [tar for tar in stored.column(c.TAR).unique().to_pylist() if not folder.exists(f"{POOL}/{tar}")]
        if missing:
            yield f"{folder.url(POOL)}/{shard}: points to {missing[0]}, which is not there"
            continue
        for row, data in zip(stored.to_pylist(), pool.images(*image_columns(stored)), strict=True):
            if data is None or sha256(data) != row[c.STORED_SHA256]:
                yield f"{folder.url(POOL)}/{shard}: its image at byte {row[c.OFFSET]:,} of {row[c.TAR]} is not there"


def _texts(workspace: Workspace, proof: Proof) -> Iterator[str]:
    """What captioners wrote is of images that the pool has where it says; what is measured of it has its rows."""
    entries, folder = workspace.manifest(SYNTHETIC).entries, workspace.folder
    for under in workspace.appended():
        for shard, entry in workspace.manifest(under).entries.items():
            if not shard.startswith(WHOLE) and (shard not in entries or entries[shard].rows != entry.rows):
                have = entries[shard].rows if shard in entries else 0
                yield f"{folder.url(under)}/{shard}: {entry.rows} rows, {SYNTHETIC} has {have}"
    where = [c.IMAGE_UID, c.SHA256, c.TAR, c.OFFSET, c.SIZE]
    shards = workspace.manifest(POOL).entries
    for shard in entries:
        if pool_shard(shard) not in shards:
            yield f"{folder.url(SYNTHETIC)}/{shard}: of a pool shard that is not there"
            continue
        table = folder.read_table(f"{SYNTHETIC}/{shard}.parquet", [c.UID, c.CAPTION, c.ROW, *where])
        pool = folder.read_table(f"{POOL}/{pool_shard(shard)}.parquet", where)
        texts = zip(*(table.column(name).to_pylist() for name in (c.UID, c.IMAGE_UID, c.CAPTION)), strict=True)
        if any(None in (image, text) or uid != synthetic_uid(image, text) for uid, image, text in texts):
            yield f"{folder.url(SYNTHETIC)}/{shard}: a uid that is not of its image and text"
        rows = table.column(c.ROW)
        there = all(row is not None and 0 <= row < pool.num_rows for row in rows.to_pylist())
        if not there or not table.select(where).equals(pool.take(rows)):
            yield f"{folder.url(SYNTHETIC)}/{shard}: an image that is not where the pool has it"


def _funnel(workspace: Workspace, proof: Proof) -> Iterator[str]:
    if not workspace.folder.exists(FUNNEL):
        return
    funnel, before = workspace.folder.read_json(FUNNEL), workspace.manifest(POOL).rows()
    for row in funnel:
        name = f"{workspace.folder.url(FUNNEL)}: {row['stage']}.{row['rule']}"
        if row["in"] != before:
            yield f"{name}: {row['in']} in, the row before kept {before}"
        if row["in"] + row["added"] != row["dropped"] + row["kept"]:
            yield f"{name}: in + added is not dropped + kept"
        before = row["kept"]
    table = workspace.folder.read_table(SUBSET, [c.KEEP, c.REASON])
    kept = sum(table.column(0).to_pylist())
    rows = workspace.manifest(POOL).rows() + workspace.manifest(SYNTHETIC).rows()
    if table.num_rows != rows:
        yield f"{workspace.folder.url(SUBSET)}: {table.num_rows} rows, pool and synthetic texts have {rows}"
    if kept != before:
        yield f"{workspace.folder.url(SUBSET)}: {kept} kept, the funnel says {before}"
    reasons = sum(reason is not None for reason in table.column(1).to_pylist())
    added = sum(row["added"] for row in funnel)
    unused = table.num_rows - workspace.manifest(POOL).rows() - added  # texts that no item let in
    if kept + reasons + unused != table.num_rows:
        yield f"{workspace.folder.url(SUBSET)}: {kept} kept and {reasons} with a reason are not {table.num_rows} rows"


def _dataset(workspace: Workspace, proof: Proof) -> Iterator[str]:
    """Every tar can be read, and holds exactly the samples that its table lists."""
    entries = workspace.manifest(DATASET).entries
    for shard in sorted(entries):
        if shard == "card" or f"{shard}.tar" not in entries[shard].files:
            continue
        keys = workspace.folder.read_table(f"{DATASET}/{shard}.parquet", [c.KEY]).column(0).to_pylist()
        with workspace.folder.open(f"{DATASET}/{shard}.tar") as stream:
            found = [split_key(m.name) for m in index(stream, workspace.folder.url(f"{DATASET}/{shard}.tar"))]
        texts = sum(extension == "txt" for _, extension in found)  # a sample without a caption has none
        if [key for key, extension in found if extension == "json"] != keys or len(found) != 2 * len(keys) + texts:
            yield f"{workspace.folder.url(DATASET)}/{shard}.tar: not the samples that its table lists"
    written = sum(e.states.get("written", 0) for s, e in entries.items() if s != "card")
    if entries and workspace.folder.exists(SUBSET):
        kept = sum(workspace.folder.read_table(SUBSET, [c.KEEP]).column(0).to_pylist())
        if written != kept:
            yield f"{workspace.folder.url(DATASET)}: {written} texts are written, {kept} samples are kept"
