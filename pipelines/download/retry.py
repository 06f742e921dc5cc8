"""Another try for rows that failed: a pool shard is made anew from what it holds and what comes now.

Whether the network is down is not asked here: rows that failed before may well all fail again, and nothing is lost.
A row that is not tried again is carried over as it is, bytes included, so that a shard in which everything came at
last is the same, byte for byte, as one in which everything came at once.
"""

from dataclasses import dataclass
from typing import Any

from curate import schema as c
from curate.files import Folder
from curate.pool import Pool, image_columns
from curate.schema import Outcome
from curate.tars import index, split_key
from pipelines.download.unit_rows import FetchTask, Made
from pipelines.engine.unit import Part, Unit, end
from pipelines.workspace import CONSENT, INPUT, QUARANTINE

OWN = {
    *(c.URL, c.CAPTION, c.LABEL, c.SOURCE, c.ROW, c.UID, c.IMAGE_UID, c.ORIGIN, c.KEY),
    *(c.OUTCOME, c.STATUS, c.ERROR_MESSAGE, c.TAR, c.OFFSET, c.SIZE),
}
FACTS = [name for name in c.POOL.names if name not in OWN]  # of a row, as the download found them


@dataclass
class RetryTask:
    """`spec` of a unit is the outcomes that are tried again."""

    fetch: FetchTask
    leaves_out = True

    @property
    def overlap(self) -> int:
        return int(getattr(self.fetch, "overlap", 1))

    def open(self) -> None:
        self.fetch.open()

    def close(self) -> None:
        end(self.fetch)

    def run(self, unit: Unit, rows: range) -> list[Part]:
        again, folder = set(unit.spec), self.fetch.folder
        pool = Pool(folder)
        asked = folder.read_table(f"{INPUT}/{unit.shard}.parquet").slice(rows.start, len(rows))
        held = pool.table(unit.shard).slice(rows.start, len(rows))
        skip = {row - rows.start for row in unit.skip}
        before = held.to_pylist()
        urls = {i: row[c.URL] for i, row in enumerate(before) if row[c.OUTCOME] in again and i not in skip}
        got = self.fetch.ask(urls, [row[c.URL] for row in before if row[c.URL]])
        made = Made(unit.shard, self.fetch.hash_mismatch)
        consent, aside = _consent(folder, unit.shard), _put_aside(folder, unit.shard)
        for i, (row, old, data) in enumerate(
            zip(asked.to_pylist(), before, pool.images(*image_columns(held)), strict=True)
        ):
            if i in urls:
                made.add(row, got[i])
                continue
            _carry(made, row, old, data)
            if old[c.KEY] in consent:
                made.note(consent[old[c.KEY]])
            if old[c.KEY] in aside:
                made.set_aside(old[c.KEY], aside[old[c.KEY]])
        return made.parts()


def _carry(made: Made, asked: dict[str, Any], old: dict[str, Any], data: bytes | None) -> None:
    """A row of the pool, as it was."""
    facts = {name: old[name] for name in FACTS}
    if old[c.OUTCOME] == Outcome.OK:
        made.pool.keep(asked, facts, data)
    else:
        made.pool.fail(asked, Outcome(old[c.OUTCOME]), old[c.ERROR_MESSAGE], **facts)


def _consent(folder: Folder, shard: str) -> dict[str, dict[str, Any]]:
    name = f"{CONSENT}/{shard}.parquet"
    return {row[c.KEY]: row for row in folder.read_table(name).to_pylist()} if folder.exists(name) else {}


def _put_aside(folder: Folder, shard: str) -> dict[str, bytes]:
    name = f"{QUARANTINE}/{shard}.tar"
    if not folder.exists(name):
        return {}
    with folder.open(name) as stream:
        found = {}
        for member in index(stream, name):
            stream.seek(member.offset)
            found[split_key(member.name)[0]] = stream.read(member.size)
        return found
