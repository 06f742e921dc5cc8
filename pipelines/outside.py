"""Images that are not of the pool: evaluation sets, and the queries of a retrieval, measured as the pool is.

outside/SET-COLUMN-PLACES/NNNNN.parquet: `item` (file and place in it) and the column. A set is named by its places and
what is measured, so that passes share it. A unit is a file, or a thousand image files. An evaluation set must be
whole: what cannot be read is an error, because what it would have found stays in.
"""

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import polars as pl
import pyarrow as pa
from PIL.Image import Image

from curate.corpus import CorpusPass, Outside, Tables
from curate.errors import InputError
from curate.files import Folder, file_sha256, table_bytes
from curate.images import Failed, decode
from curate.manifest import Manifest
from curate.signals import Batch, Signal
from curate.signals.plain import PLAIN
from curate.uid import fingerprint
from model_training.evaluation.items import READERS
from pipelines.engine.unit import MAX_ROWS, Part, Unit
from pipelines.inputs.places import expand
from pipelines.models import Encoders, Models
from pipelines.workspace import OUTSIDE

VERSION = 1
BATCH = 64  # images that are decoded at once
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".bmp")


def outside_folder(one: Outside) -> str:
    return f"{OUTSIDE}/{one.column}-{fingerprint(sorted(one.places))}"


def grouped(works: Sequence[CorpusPass]) -> dict[str, Outside]:
    """folder -> a set that passes compare with; sets of the same places and column are one."""
    return {outside_folder(one): one for work in works for one in work.outside()}


def outside_tables(folder: Folder, work: CorpusPass) -> Tables:
    """name -> what is measured of that set, in the order of its files."""
    found: Tables = {}
    for one in work.outside():
        under = outside_folder(one)
        shards = sorted(Manifest.load(folder, under).entries)
        tables = [folder.read_table(f"{under}/{shard}.parquet") for shard in shards]
        frame = pl.from_arrow(pa.concat_tables(tables))
        assert isinstance(frame, pl.DataFrame)
        found[one.name] = frame
    return found


def units(under: str, one: Outside, models: Models) -> Iterator[Unit]:
    """A unit per tar or table, and per thousand image files. Raises InputError for a place without any."""
    paths = expand(list(one.places), "file of images that are not of the pool")
    unknown = [path for path in paths if _ending(path) not in (*IMAGES, *READERS)]
    if unknown:
        raise InputError(
            f"{unknown[0]}: neither an image, nor a .parquet, nor a .tar", f"check the places of {one.name!r}"
        )
    single = [path for path in paths if _ending(path) in IMAGES]
    groups = [[path] for path in paths if _ending(path) in READERS]
    groups += [single[i : i + MAX_ROWS] for i in range(0, len(single), MAX_ROWS)]
    base = os.path.dirname(posixpath.commonprefix(paths)) if len(paths) > 1 else os.path.dirname(paths[0])
    measured = _identity(one.column, models)
    for number, group in enumerate(groups):
        digests = [(path.removeprefix(base), file_sha256(path, f"check {one.name!r}")) for path in group]
        mark = {under: fingerprint(VERSION, measured, digests)}
        yield Unit("outside", f"{number:05d}", len(group), mark, (under, one.column, base, group))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _identity(column: str, models: Models) -> tuple[object, ...]:
    if column in models:
        return (models[column].version, models[column].identity)
    signal = _plain(column)
    return (signal.version, signal.identity())


def _plain(column: str) -> Signal:
    return next(signal for signal in PLAIN if column in signal.schema.names)


@dataclass
class OutsideTask:
    """`spec` of a unit is (folder, column, what the names of items are relative to, files)."""

    models: Models
    _encoders: Encoders = field(default_factory=Encoders)

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        under, column, base, paths = unit.spec
        signal = self.models[column].signal(self._encoders) if column in self.models else _plain(column)
        tables = []
        images = read(paths)
        while part := list(islice(images, BATCH)):
            names = [name.removeprefix(base).lstrip("/") for name, _ in part]
            measured = signal.measure(Batch(names, [None] * len(part), [image for _, image in part]))
            tables.append(pa.table({"item": pa.array(names, pa.string()), column: measured.column(column)}))
        if not tables:
            raise InputError(f"{paths[0]}: holds no image", "name a file with images")
        table = pa.concat_tables(tables).combine_chunks()
        files = {f"{unit.shard}.parquet": table_bytes(table)}
        return [Part(under, table.num_rows, {"measured": table.num_rows}, files)]


def read(paths: Sequence[str]) -> Iterator[tuple[str, Image]]:
    """Every image of these files, with its place. Raises InputError for one that is damaged or not there."""
    for path in paths:
        for place, data in _images(path):
            decoded = decode(data)
            if isinstance(decoded, Failed):
                raise InputError(
                    f"{place}: {decoded.message}", "such a set must be whole: fetch it again, or leave this image out"
                )
            yield place, decoded.image


def _images(path: str) -> Iterator[tuple[str, bytes]]:
    if _ending(path) in IMAGES:
        try:
            with open(path, "rb") as stream:
                yield path, stream.read()
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
        return
    for place, image, _, _ in READERS[_ending(path)](path):
        yield f"{path}: {place}", image
