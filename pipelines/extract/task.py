"""The unit of extraction: one large file, or some small ones; a table of rows and what was counted."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import IO

import fsspec
import pyarrow.parquet as pq

from curate.errors import InputError
from curate.files import canonical_json
from pipelines.engine.unit import Part, Unit
from pipelines.extract.rows import KEYED, Counts, Row, keyed
from pipelines.extract.sources import Options, Source

VERSION = 1
PARTS = "parts"
BATCH = 10_000  # rows of a row group
READ, DAMAGED, CRASHED = "read", "damaged", "crashed"


@dataclass
class Table:
    """Parquet in memory, written as the rows come."""

    _sink: BytesIO = field(default_factory=BytesIO)
    _rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._writer = pq.ParquetWriter(self._sink, KEYED, compression="zstd", write_page_checksum=True)

    def add(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        while len(self._rows) >= BATCH:
            self._writer.write_table(keyed(self._rows[:BATCH]))
            del self._rows[:BATCH]

    def finish(self) -> bytes:
        if self._rows:
            self._writer.write_table(keyed(self._rows))
        self._writer.close()
        return self._sink.getvalue()


@dataclass
class ExtractTask:
    """`spec` of a unit is the paths of its files, which are its rows."""

    options: Options
    leaves_out = True

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        table, counts, troubles = Table(), Counts(), {}
        states = {READ: 0, DAMAGED: 0, CRASHED: 0}
        for i in rows:
            path = unit.spec[i]
            if i in unit.skip:
                states[CRASHED] += 1
                troubles[path] = "it could not be read, or ended every process that read it"
                continue
            source = self._read(path, table)
            counts.add(source.counts)
            states[DAMAGED if source.trouble else READ] += 1
            if source.trouble:
                troubles[path] = source.trouble
        about = canonical_json({"counts": asdict(counts), "troubles": troubles})
        files = {f"{unit.shard}.parquet": table.finish(), f"{unit.shard}.json": about}
        return [Part(PARTS, len(rows), {name: n for name, n in states.items() if n}, files)]

    def _read(self, path: str, table: Table) -> Source:
        with _raw(path) as stream:
            source = Source(path, stream, self.options)
            for rows in source:
                table.add(rows)
        return source


def _raw(path: str) -> IO[bytes]:
    try:
        fs, name = fsspec.core.url_to_fs(path)
        return fs.open(name, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file any more", "name the files that there are") from error
