"""Images that are already here become pool rows: checked, hashed and named; tars of the user's stay where they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, sha256
from curate.images import Failed, decode
from curate.schema import Outcome
from pipelines.engine.unit import Part, Unit
from pipelines.inputs import images as image_files
from pipelines.inputs import places
from pipelines.inputs import table as image_tables
from pipelines.pool_shard import PoolShard
from pipelines.workspace import INPUT

VERSION = 4


@dataclass
class IngestTask:
    """`spec` of a unit is its input shard's name. Bytes are stored as they are: nothing is resized."""

    folder: Folder
    image_column: str
    max_pixels: int
    max_side: int = 16_384
    leaves_out = True

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        asked = self.folder.read_table(f"{INPUT}/{unit.shard}.parquet").slice(rows.start, len(rows))
        shard = PoolShard(unit.shard)
        skip = {row - rows.start for row in unit.skip}
        for i, (row, data) in enumerate(zip(asked.to_pylist(), self._bytes(asked), strict=True)):
            if i in skip:
                shard.fail(row, Outcome.WORKER_CRASH, "every process that read this row died")
            elif row[c.OUTCOME]:
                shard.fail(row, Outcome(row[c.OUTCOME]), row[c.ERROR_MESSAGE])
            elif data is None:
                shard.fail(row, Outcome.EMPTY_BODY, "no bytes")
            else:
                self._take(shard, row, data)
        return [shard.part()]

    def _take(self, shard: PoolShard, row: dict[str, Any], data: bytes) -> None:
        found = decode(data, max_pixels=self.max_pixels, max_side=self.max_side)
        if isinstance(found, Failed):
            shard.fail(row, found.outcome, found.message)
            return
        digest = sha256(data)
        facts = {
            c.WIDTH: found.width,
            c.HEIGHT: found.height,
            c.ORIGINAL_WIDTH: row[c.ORIGINAL_WIDTH] or found.width,
            c.ORIGINAL_HEIGHT: row[c.ORIGINAL_HEIGHT] or found.height,
            c.FORMAT: found.format,
            c.FRAMES: found.frames,
            c.BYTES: len(data) if row[c.SHA256] in (None, digest) else None,  # else they were others
            c.SHA256: row[c.SHA256] or digest,
            c.STORED_SHA256: digest,
        }
        in_place = row[c.TAR] and row[c.TAR].endswith(".tar")
        shard.keep(row, facts, None if in_place else data)

    def _bytes(self, asked: pa.Table) -> Iterator[bytes | None]:
        """The image of each row, read in order; a file is opened once for the rows in a row that need it."""
        current: tuple[Any, ...] | None = None
        data: bytes | None = None
        for tar, offset, size in zip(*(asked.column(n).to_pylist() for n in (c.TAR, c.OFFSET, c.SIZE)), strict=True):
            if (tar, offset) != current:
                current, data = (tar, offset), self._read(tar, offset, size)
            yield data

    def _read(self, tar: str | None, offset: int | None, size: int | None) -> bytes | None:
        if tar is None:
            return None
        if tar.startswith(image_tables.BYTES_FROM):
            return self._from_table(tar.removeprefix(image_tables.BYTES_FROM), offset or 0)
        if tar.startswith(image_files.BYTES_FROM):
            with places.open_bytes(tar.removeprefix(image_files.BYTES_FROM)) as stream:
                return stream.read()
        stream = self._stream(tar)
        stream.seek(offset)
        data = stream.read(size)
        if len(data) != size:
            raise InputError(f"{tar}: ends before byte {(offset or 0) + (size or 0):,}", "fetch this tar again")
        return data

    def _stream(self, tar: str) -> Any:
        if self._opened is None or self._opened[0] != tar:
            self._opened = (tar, places.open_bytes(tar))
        return self._opened[1]

    _opened: tuple[str, Any] | None = None
    _group: tuple[str, int, int, Any] | None = None  # path, first row, rows, column

    def _from_table(self, path: str, row: int) -> bytes | None:
        """One row's bytes; the row group around it is kept for the rows that follow."""
        if self._group is None or self._group[0] != path or not 0 <= row - self._group[1] < self._group[2]:
            self._group = self._row_group(path, row)
        return _plain(self._group[3][row - self._group[1]].as_py())

    def _row_group(self, path: str, row: int) -> tuple[str, int, int, Any]:
        """Raises InputError for a file that cannot be read, or that has fewer rows than when it was listed."""
        file, first = places.open_parquet(path), 0
        for number in range(file.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            if first <= row < first + rows:
                try:
                    return path, first, rows, file.read_row_group(number, [self.image_column]).column(0)
                except (OSError, pa.ArrowException) as error:
                    why = " ".join(str(error).split())
                    raise InputError(f"{path}: unreadable near row {row} ({why})", "write the table anew") from error
            first += rows
        raise InputError(f"{path}: has no row {row} any more", "run the same command again; it lists the table anew")


def _plain(value: Any) -> bytes | None:
    """Bytes, or the {bytes, path} that Hugging Face's tables hold."""
    if isinstance(value, dict):
        value = value.get("bytes")
    return value if isinstance(value, bytes) and value else None
