"""The pool: one table per shard with a row for everything asked for, and the stored bytes in tars.

The tar column holds a base name for a tar beside the table, else a path or URL of the user's own tar,
which is read in place and never copied.
"""

import posixpath
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder
from curate.manifest import Manifest

UNDER = "pool"


@dataclass(frozen=True)
class Pool:
    folder: Folder  # the run's
    tables: str = UNDER  # the folder with its tables; of appended samples another one, whose images are the pool's

    def manifest(self) -> Manifest:
        return Manifest.load(self.folder, self.tables)

    def shards(self) -> list[str]:
        return sorted(self.manifest().entries)

    def table(self, shard: str, columns: list[str] | None = None) -> pa.Table:
        return self.folder.read_table(f"{self.tables}/{shard}.parquet", columns)

    def images(
        self, tars: Sequence[str | None], offsets: Sequence[int | None], sizes: Sequence[int | None]
    ) -> Iterator[bytes | None]:
        """The stored bytes, in the order asked for; None where a row has none. Tars are opened once in a row."""
        opened: tuple[str, Any] | None = None
        try:
            for tar, offset, size in zip(tars, offsets, sizes, strict=True):
                if tar is None or offset is None or size is None:
                    yield None
                    continue
                if opened is None or opened[0] != tar:
                    if opened is not None:
                        opened[1].close()
                    opened = (tar, self._open(tar))
                stream = opened[1]
                stream.seek(offset)
                data = stream.read(size)
                if len(data) != size:
                    place = tar if "/" in tar else self.folder.url(posixpath.join(UNDER, tar))
                    run = shlex.quote(self.folder.url(UNDER).removesuffix(f"/{UNDER}"))
                    raise InputError(f"{place}: ends before byte {offset + size:,}", f"curate verify {run}")
                yield data
        finally:
            if opened is not None:
                opened[1].close()

    def _open(self, tar: str) -> Any:
        if "/" not in tar:
            return self.folder.open(posixpath.join(UNDER, tar))
        fs, path = fsspec.core.url_to_fs(tar)
        try:
            return fs.open(path, "rb")
        except FileNotFoundError as error:
            raise InputError(
                f"{tar}: the pool names this tar and it is not there", "put it back, or run again without it"
            ) from error


def image_columns(table: pa.Table) -> tuple[list[str | None], list[int | None], list[int | None]]:
    """What `Pool.images` needs, from a table of pool rows."""
    return (
        table.column(c.TAR).to_pylist(),
        table.column(c.OFFSET).to_pylist(),
        table.column(c.SIZE).to_pylist(),
    )
