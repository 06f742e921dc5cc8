"""One unit of download: every row of an input shard becomes a row of the pool, whoever fetches it.

`FetchTask` is the way of a unit that all engines share; an engine says how URLs become `Got`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from curate import schema as c
from curate.files import Folder, table_bytes
from curate.images import Failed
from curate.schema import Outcome
from pipelines.download.answer import Fetched
from pipelines.download.spool import Held
from pipelines.download.verification import HashPolicy, quarantine_part, verify_hash
from pipelines.engine.unit import Part, Unit
from pipelines.pool_shard import PoolShard
from pipelines.workspace import CONSENT, INPUT, QUARANTINE

CONSENT_SCHEMA = pa.schema(
    [
        (c.KEY, pa.string()),
        (c.UID, pa.string()),
        ("asked_at", pa.timestamp("s", "UTC")),
        (c.ROBOTS, pa.string()),
        ("headers", pa.string()),  # every one about use by machines, refusing or not, a line each
    ]
)


@dataclass(frozen=True)
class Got:
    """What became of a URL: `failed` is about bytes that came and are of no use."""

    fetched: Fetched  # without its body
    sha256: str | None = None  # of the bytes as they came
    size: int | None = None  # how many they were
    failed: Failed | None = None
    stored: dict[str, Any] | None = None  # columns of the pool
    image: Held | None = None
    body: Held | None = None  # as it came, where it may have to be put aside


@dataclass
class FetchTask:
    """`spec` of a unit is its input shard's name, or the outcomes of which the rows are asked for again."""

    folder: Folder
    hash_mismatch: HashPolicy = "drop"
    leaves_out = True

    def open(self) -> None: ...

    def ask(self, urls: dict[int, str], among: Sequence[str] | None = None) -> dict[int, Got]:
        """Number -> URL to number -> what became of it, for every number.

        `among`: the unit's whole list, of which some are asked for again. Then it is no wonder if none of them can
        be reached; else that raises MachineError.
        """
        raise NotImplementedError

    def run(self, unit: Unit, rows: range) -> list[Part]:
        asked = self.folder.read_table(f"{INPUT}/{unit.shard}.parquet").slice(rows.start, len(rows)).to_pylist()
        skip = {row - rows.start for row in unit.skip}
        urls = {i: row[c.URL] for i, row in enumerate(asked) if not row[c.OUTCOME] and i not in skip}
        got = self.ask(urls)
        made = Made(unit.shard, self.hash_mismatch)
        for i, row in enumerate(asked):
            if i in skip:
                made.pool.fail(row, Outcome.WORKER_CRASH, "every process that handled this row died")
            elif row[c.OUTCOME]:
                made.pool.fail(row, Outcome(row[c.OUTCOME]), row[c.ERROR_MESSAGE])
            else:
                made.add(row, got[i])
        return made.parts()


class Made:
    """What a unit makes: a pool shard, the record of consent beside it, and what was put aside."""

    def __init__(self, shard: str, hash_mismatch: HashPolicy) -> None:
        self.pool = PoolShard(shard)
        self._hash_mismatch = hash_mismatch
        self._consent: list[dict[str, Any]] = []
        self._aside: dict[str, bytes] = {}

    def add(self, row: dict[str, Any], got: Got) -> None:
        fetched, expected = got.fetched, row[c.SHA256]
        key = self.pool.next_key
        facts = {
            c.HTTP_STATUS: fetched.http_status,
            c.CONSENT: fetched.consent,
            c.ROBOTS: fetched.robots,
            c.SHA256: got.sha256,
            c.BYTES: got.size,
            c.EXPECTED_SHA256: expected,
        }
        verdict = verify_hash(expected, got.sha256, self._hash_mismatch) if got.sha256 else None
        failed = (verdict.failed if verdict else None) or got.failed
        if failed is not None:
            if verdict and verdict.put_aside and got.body:
                self._aside[key] = got.body.read()
            uid = self.pool.fail(row, failed.outcome, failed.message, **facts)
        elif got.stored is None or got.image is None:
            uid = self.pool.fail(row, fetched.outcome, fetched.message, **facts)
        else:
            uid = self.pool.keep(row, {**got.stored, **facts}, got.image.read())
        if fetched.asked_at is not None:
            at = datetime.fromtimestamp(int(fetched.asked_at), UTC)
            self.note({c.KEY: key, c.UID: uid, "asked_at": at, c.ROBOTS: fetched.robots, "headers": fetched.notices})

    def note(self, record: dict[str, Any]) -> None:
        """A line of the record of consent."""
        self._consent.append(record)

    def set_aside(self, key: str, body: bytes) -> None:
        self._aside[key] = body

    def parts(self) -> list[Part]:
        table = pa.Table.from_pylist(self._consent, schema=CONSENT_SCHEMA)
        files = {f"{self.pool.shard}.parquet": table_bytes(table)}
        parts = [self.pool.part(), Part(CONSENT, table.num_rows, {"asked": table.num_rows}, files)]
        if self._hash_mismatch == "quarantine":
            parts.append(quarantine_part(self.pool.shard, self._aside))
        return parts


def folders(hash_mismatch: HashPolicy) -> list[str]:
    """The folders in which a unit of download makes something, beside the pool."""
    return [CONSENT, QUARANTINE] if hash_mismatch == "quarantine" else [CONSENT]
