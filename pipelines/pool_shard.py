"""Builds one pool shard: a row for everything asked for, and a tar for the bytes that are stored here."""

from typing import Any

import pyarrow as pa

from curate import schema as c
from curate.dataset import extension
from curate.files import Content, sha256, table_bytes
from curate.schema import Outcome
from curate.tars import TarBuilder
from curate.uid import content_uid
from pipelines.engine.unit import Part
from pipelines.workspace import POOL


class PoolShard:
    """Rows are added in the order of the input shard; one key per row, `SHARD` + four digits."""

    def __init__(self, shard: str) -> None:
        self.shard = shard
        self._rows: list[dict[str, Any]] = []
        self._tar = TarBuilder()
        self._stored = 0
        self._stored_as: dict[str, dict[str, Any]] = {}  # image_uid -> where its bytes are in this shard's tar

    def fail(self, asked: dict[str, Any], outcome: Outcome, message: str | None, **facts: Any) -> str:
        """Returns the row's uid."""
        uid = asked[c.UID] or self._uid(asked, None)
        self._add(asked, uid, uid, outcome, message, facts)
        return uid

    def keep(self, asked: dict[str, Any], facts: dict[str, Any], data: bytes | None, **more: Any) -> str:
        """Returns the row's uid. `data` is stored in this shard's tar; None leaves it in the tar that the row names.

        What comes from a URL is one image, whichever of the list's rows it is fetched for: so nothing depends on their
        order. Images that were here already are told by their bytes: whatever rows and shards they come in, the same
        bytes are one image, and other bytes are another.
        """
        uid = asked[c.UID] or self._uid(asked, facts[c.SHA256])
        image_uid = content_uid(facts[c.STORED_SHA256] if asked[c.TAR] else asked[c.URL] or uid, "")
        if data is None:
            where = {name: asked[name] for name in (c.TAR, c.OFFSET, c.SIZE)}
        elif asked[c.TAR] and image_uid in self._stored_as:
            where = self._stored_as[image_uid]
        else:
            member = self._tar.add(f"{self.next_key}.{extension(data)}", data)
            self._stored += 1
            where = {c.TAR: f"{self.shard}.tar", c.OFFSET: member.offset, c.SIZE: member.size}
            self._stored_as[image_uid] = where
        self._add(asked, uid, image_uid, Outcome.OK, None, {**facts, **where, **more})
        return uid

    @property
    def next_key(self) -> str:
        return f"{self.shard}{len(self._rows):04d}"

    def _uid(self, asked: dict[str, Any], digest: str | None) -> str:
        # Without a url the image's hash stands for it; without an image, the place it was asked at.
        url = asked[c.URL] or digest or f"{asked[c.SOURCE]}:{asked[c.ROW]}"
        return content_uid(url, asked[c.CAPTION] or "")

    def _add(
        self,
        asked: dict[str, Any],
        uid: str,
        image_uid: str,
        outcome: Outcome,
        message: str | None,
        facts: dict[str, Any],
    ) -> None:
        row = {name: asked.get(name) for name in (c.URL, c.CAPTION, c.LABEL, c.SOURCE, c.ROW)}
        row |= {c.UID: uid, c.IMAGE_UID: image_uid, c.ORIGIN: c.WEB, c.KEY: self.next_key}
        row |= {c.OUTCOME: str(outcome), c.STATUS: c.img2dataset_status(outcome), c.ERROR_MESSAGE: message}
        row |= facts
        self._rows.append(row)

    def part(self) -> Part:
        table = pa.Table.from_pylist(self._rows, schema=c.POOL)
        files: dict[str, Content] = {f"{self.shard}.parquet": table_bytes(table)}
        if self._stored:
            files[f"{self.shard}.tar"] = self._tar.finish()
        counts: dict[str, int] = {}
        for row in self._rows:
            counts[row[c.OUTCOME]] = counts.get(row[c.OUTCOME], 0) + 1
        return Part(POOL, len(self._rows), counts, files, stands_for(table))


def stands_for(table: pa.Table) -> str:
    """What of a pool shard bears on what follows: all but the words of a failure.

    They depend on the moment (asked and refused, or not asked because its host had refused others), and nothing that
    is made of the pool does.
    """
    return sha256(table_bytes(table.drop_columns([c.ERROR_MESSAGE])))
