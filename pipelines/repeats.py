"""Rows whose URL stands further up in the list: they take what came for that row; nothing is fetched or stored twice.

They lie in shards of their own, `d00000` and on. In the input such a row's `tar` names the shard of the first row of
its URL, and `offset` the row in it. In the pool it has that row's outcome, sizes, hashes, place in the tar and
`image_uid`, and its own uid, caption, label, source and row. A URL that failed, failed for all of its rows.

Two URLs are the same when their texts are, but for space around them: what only might be the same is asked for.
Where the list promises what the bytes are, the promise must be the same too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, table_bytes
from curate.pool import Pool
from curate.uid import content_uid, fingerprint
from pipelines.engine.unit import Part, Unit
from pipelines.pool_shard import stands_for
from pipelines.workspace import INPUT, POOL, Workspace

VERSION = 2
PREFIX = "d"  # of the names of these shards, which come behind all others
FIRST_IN = "row:"  # `tar` of such a row of the input: this, and the name of a shard
OWN = (c.URL, c.CAPTION, c.LABEL, c.SOURCE, c.ROW)  # what a row keeps of what was asked
TAKEN = [name for name in c.POOL.names if name not in (*OWN, c.UID, c.KEY)]  # from the first row


def is_repeats(shard: str) -> bool:
    return shard.startswith(PREFIX)


def pointing(rows: pa.Table, shards: list[str], places: list[int]) -> pa.Table:
    """Rows of `schema.INPUT`, each pointing to the first row of its URL."""
    tars = pa.array([f"{FIRST_IN}{shard}" for shard in shards], pa.string())
    at = {name: rows.schema.get_field_index(name) for name in (c.TAR, c.OFFSET)}
    rows = rows.set_column(at[c.TAR], c.INPUT.field(c.TAR), tars)
    return rows.set_column(at[c.OFFSET], c.INPUT.field(c.OFFSET), pa.array(places, pa.int64()))


def first_rows(folder: Folder, asked: pa.Table) -> pa.Table:
    """The pool's rows that these rows of the input point to, in their order.

    Raises InputError for a place that the pool does not have.
    """
    shards = [tar.removeprefix(FIRST_IN) for tar in asked.column(c.TAR).to_pylist()]
    places = asked.column(c.OFFSET).to_pylist()
    wanted: dict[str, list[int]] = {}
    for number, shard in enumerate(shards):
        wanted.setdefault(shard, []).append(number)
    pool, taken = Pool(folder), []
    for shard, numbers in wanted.items():
        table, at = pool.table(shard), [places[number] for number in numbers]
        if max(at) >= table.num_rows:
            raise InputError(
                f"{folder.url(POOL)}/{shard}: has no row {max(at)}, of a URL that is repeated", "curate run"
            )
        taken.append(table.take(at))
    order = np.argsort([number for numbers in wanted.values() for number in numbers])
    return pa.concat_tables([c.POOL.empty_table(), *taken]).take(order)


@dataclass
class RepeatsTask:
    """One shard of repeats, from the input and from the pool shards that it points to. A unit needs no `spec`."""

    folder: Folder

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        asked = self.folder.read_table(f"{INPUT}/{unit.shard}.parquet").slice(rows.start, len(rows))
        found = first_rows(self.folder, asked)
        columns = {name: found.column(name) for name in TAKEN} | {name: asked.column(name) for name in OWN}
        columns[c.UID] = pa.array([_uid(row) for row in asked.select([c.UID, c.URL, c.CAPTION]).to_pylist()])
        columns[c.KEY] = pa.array([f"{unit.shard}{row:04d}" for row in rows], pa.string())
        table = pa.table([columns[name] for name in c.POOL.names], schema=c.POOL).combine_chunks()
        states = {pair["values"]: pair["counts"] for pair in table.column(c.OUTCOME).value_counts().to_pylist()}
        files = {f"{unit.shard}.parquet": table_bytes(table)}
        return [Part(POOL, table.num_rows, states, files, stands_for(table))]


def _uid(row: dict[str, str | None]) -> str:
    return row[c.UID] or content_uid(row[c.URL] or "", row[c.CAPTION] or "")


def units(workspace: Workspace) -> Iterator[Unit]:
    """A unit per shard of repeats. Its fingerprint changes with any shard that it points to.

    A shard that points to one which is not there yet is left for the run that downloads that one.
    """
    pool = workspace.manifest(POOL).entries
    for shard, entry in sorted(workspace.manifest(INPUT).entries.items()):
        if not is_repeats(shard):
            continue
        tars = workspace.folder.read_table(f"{INPUT}/{shard}.parquet", [c.TAR]).column(0).unique().to_pylist()
        named = sorted(tar.removeprefix(FIRST_IN) for tar in tars)
        if all(one in pool for one in named):
            mark = fingerprint("repeats", VERSION, entry.content(), [pool[one].content() for one in named])
            yield Unit("repeats", shard, entry.rows, {POOL: mark}, None)
