"""Whole columns beside a run, so that another threshold reads a dozen files and not a dozen for every shard.

logs/cache/FOLDER.columns/COLUMN-KEY.parquet, where KEY is of the bytes of the pool's manifest and of the folder's:
a file is the pool's column for as long as neither changes. The files are this machine's own, part of no hash and of
no proof; who removes them loses seconds. They are made by whoever asks first: a run when its filters answer, else
`whatif`. Columns of a run elsewhere, or beside which nothing can be written, are read where they are.
"""

import hashlib
import os
import posixpath
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.files import Folder, open_parquet
from curate.manifest import NAME, Manifest
from curate.signal_store import Columns
from curate.subset import CHUNK, OUTCOMES, Known, know
from pipelines.workspace import CACHE, POOL

VERSION = 1
KNOWN = "known"  # in the place of a folder: what `curate.subset.know` finds, which is of the pool alone
PARTS = tuple(Known.__annotations__)


@dataclass(frozen=True)
class ColumnCache:
    """A pool's columns, from the cache as far as there can be one. The pool must not change meanwhile."""

    folder: Folder

    def frame(self, wanted: dict[str, Sequence[str]]) -> pl.DataFrame:
        """What `Columns.frame` gives, without a uid that is not asked for. Raises InputError as it does."""
        found: dict[str, pl.Series] = {}
        direct: dict[str, Sequence[str]] = {}
        for under, names in wanted.items():
            columns = self._columns(under, names) if names else {}
            if columns is None:
                direct[under] = names
            else:
                found = {**columns, **found}
        if direct:
            found = {**self._there.frame(direct).to_dict(), **found}
        asked = dict.fromkeys(name for names in wanted.values() for name in names)
        return pl.DataFrame([found[name].alias(name) for name in asked])

    def known(self) -> Known:
        """What the pool's identity columns say."""
        place = self._place(KNOWN)
        columns = None if place is None else place.read(PARTS, self._rows)
        if columns is not None:
            return Known(*(columns[name].to_numpy() for name in PARTS))
        found = know(self._there.frame({POOL: [c.UID, c.ORIGIN, c.OUTCOME, c.SHA256]}))
        if place is not None:
            place.write(iter([pa.table({name: pa.array(getattr(found, name)) for name in PARTS})]))
        return found

    def _columns(self, under: str, names: Sequence[str]) -> dict[str, pl.Series] | None:
        """From the cache, which is filled first where it lacks some; None where there can be none."""
        place = self._place(under)
        if place is None:
            return None
        missing = [name for name in names if not place.has(name, self._rows)]
        if missing and not self._fill(place, under, missing):
            return None
        found = place.read(names, self._rows)
        if found is None and self._fill(place, under, names):  # a file was damaged
            found = place.read(names, self._rows)
        return found

    def _fill(self, place: "_Place", under: str, names: Sequence[str]) -> bool:
        wanted = {under: names}
        shards = self._there.shards(wanted)
        if not shards or any(pa.types.is_nested(f.type) for f in self._there.table(shards[0], wanted).schema):
            return False  # vectors are many times all the rest, and rarely read
        return place.write(self._there.chunks(wanted, CHUNK))

    @cached_property
    def _there(self) -> Columns:
        return Columns(self.folder)

    @cached_property
    def _rows(self) -> int:
        return Manifest.load(self.folder, POOL).rows()

    @cached_property
    def _pool(self) -> bytes:
        return self.folder.read(posixpath.join(POOL, NAME))

    def _place(self, under: str) -> "_Place | None":
        held = POOL if under == KNOWN else under
        # A round sees the pool of its run as its own: what is kept of the pool it sees as well.
        home = Folder(self.folder.url(held).removesuffix(f"/{held}"))
        if not home.local or not all(self.folder.exists(posixpath.join(one, NAME)) for one in (POOL, held)):
            return None
        key = hashlib.sha256(repr((VERSION, [str(outcome) for outcome in OUTCOMES])).encode() + self._pool)
        if held != POOL:
            key.update(self.folder.read(posixpath.join(held, NAME)))
        place = posixpath.join(CACHE, f"{under.replace('/', '.')}.columns")
        return _Place(Path(home.path(place)), key.hexdigest()[:16])


@dataclass(frozen=True)
class _Place:
    """The cache of one folder: a file per column."""

    path: Path
    key: str

    def file(self, name: str) -> Path:
        return self.path / f"{name}-{self.key}.parquet"

    def has(self, name: str, rows: int) -> bool:
        try:
            with open_parquet(str(self.file(name))) as file:
                return bool(file.metadata.num_rows == rows)
        except (pa.ArrowException, OSError):
            return False

    def read(self, names: Sequence[str], rows: int) -> dict[str, pl.Series] | None:
        """None where any of them cannot be read, or has another number of rows."""
        try:
            with ThreadPoolExecutor(4) as threads:
                columns = list(threads.map(self._read, names))
        except (pa.ArrowException, OSError):
            return None
        return dict(zip(names, columns, strict=True)) if all(len(column) == rows for column in columns) else None

    def _read(self, name: str) -> pl.Series:
        with open_parquet(str(self.file(name))) as file:
            found = pl.from_arrow(file.read().column(0))
        assert isinstance(found, pl.Series)
        return found

    def write(self, tables: Iterator[pa.Table]) -> bool:
        """A file for each of their columns, whole or not at all. False where nothing can be written here."""
        unfinished: dict[str, Path] = {}
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with ExitStack() as open_files:
                writers: dict[str, pq.ParquetWriter] = {}
                for table in tables:
                    for field in table.schema:
                        if field.name not in writers:
                            unfinished[field.name] = self.path / f".{os.getpid()}-{field.name}"
                            writers[field.name] = open_files.enter_context(_writer(unfinished[field.name], field))
                        writers[field.name].write_table(table.select([field.name]))
            for name, path in unfinished.items():
                path.replace(self.file(name))
            for path in self.path.iterdir():  # of an earlier pool, or of an attempt that was broken off
                if not path.name.endswith(f"-{self.key}.parquet") and path not in unfinished.values():
                    path.unlink(missing_ok=True)
        except OSError:  # no room, or no right to: the columns are there without it
            for path in unfinished.values():
                path.unlink(missing_ok=True)
            return False
        return True


def _writer(path: Path, field: pa.Field) -> pq.ParquetWriter:
    """Fast rather than small, every page with a checksum; no fsync: what a crash cut short is made again."""
    return pq.ParquetWriter(
        path,
        pa.schema([field]),
        compression="none",
        use_dictionary=not pa.types.is_floating(field.type),
        write_statistics=False,
        write_page_checksum=True,
        store_schema=True,
    )
