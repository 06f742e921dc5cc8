"""Another try for rows that failed: a pool shard is made anew from what it holds and what comes now.

Whether the network is down is not asked here: rows that failed before may well all fail again, and nothing is lost.
A row that is not tried again is carried over as it is, bytes included, so that a shard in which everything came at
last is the same, byte for byte, as one in which everything came at once.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from curate import schema as c
from curate.pool import Pool, image_columns
from curate.schema import Outcome
from pipelines.download.task import DownloadTask
from pipelines.engine.unit import Part, Unit
from pipelines.pool_shard import PoolShard
from pipelines.workspace import INPUT

OWN = {
    *(c.URL, c.CAPTION, c.LABEL, c.SOURCE, c.ROW, c.UID, c.IMAGE_UID, c.ORIGIN, c.KEY),
    *(c.OUTCOME, c.STATUS, c.ERROR_MESSAGE, c.TAR, c.OFFSET, c.SIZE),
}
FACTS = [name for name in c.POOL.names if name not in OWN]  # of a row, as the download found them


@dataclass
class RetryTask:
    """`spec` of a unit is the outcomes that are tried again."""

    download: DownloadTask
    leaves_out = True

    @property
    def limited(self) -> bool:
        return bool(getattr(self.download, "limited", False))

    def open(self) -> None:
        self.download.open()

    def run(self, unit: Unit, rows: range) -> list[Part]:
        again, pool = set(unit.spec), Pool(self.download.folder)
        asked = self.download.folder.read_table(f"{INPUT}/{unit.shard}.parquet").slice(rows.start, len(rows))
        held = pool.table(unit.shard).slice(rows.start, len(rows))
        skip = {row - rows.start for row in unit.skip}
        before = held.to_pylist()
        urls = {i: row[c.URL] for i, row in enumerate(before) if row[c.OUTCOME] in again and i not in skip}
        got = asyncio.run(self.download.gather(urls))
        shard = PoolShard(unit.shard)
        for i, (row, old, data) in enumerate(
            zip(asked.to_pylist(), before, pool.images(*image_columns(held)), strict=True)
        ):
            if i in urls:
                self.download.add(shard, row, *got[i])
            else:
                carry(shard, row, old, data)
        return [shard.part()]


def carry(shard: PoolShard, asked: dict[str, Any], old: dict[str, Any], data: bytes | None) -> None:
    """A row of the pool, as it was."""
    facts = {name: old[name] for name in FACTS}
    if old[c.OUTCOME] == Outcome.OK:
        shard.keep(asked, facts, data)
    else:
        shard.fail(asked, Outcome(old[c.OUTCOME]), old[c.ERROR_MESSAGE], **facts)
