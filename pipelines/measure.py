"""Signals of a pool shard: one decode feeds all families that are missing, and decoding overlaps with the models."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa
from PIL.Image import Image

from curate import schema as c
from curate.files import Folder, table_bytes
from curate.images import open_stored
from curate.pool import Pool, image_columns
from curate.schema import Outcome
from curate.signal_store import family_folder, null_table, states
from curate.signals import Batch, Signal
from curate.signals.plain import plain_signal
from model_training.models.fixed_batches import best_at_once, cores, helpers
from pipelines.engine.unit import Part, Unit
from pipelines.models import Encoders, Models
from pipelines.workspace import POOL

BATCH = 64  # rows that are decoded at once, or as many as a model on a GPU sees at once
TEXTS = 1_000  # rows at once where no image is asked for


@dataclass
class MeasureTask:
    """`spec` of a unit is the families to measure. Encoders are loaded once per worker, when first needed."""

    folder: Folder
    models: Models
    samples: str = POOL  # the folder with their tables: what is measured of others lies in it
    _signals: dict[str, Signal] = field(default_factory=dict)
    _encoders: Encoders = field(default_factory=Encoders)
    leaves_out = True

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        families: Sequence[str] = unit.spec
        signals = [self._signal(family) for family in families]
        pool = Pool(self.folder, self.samples)
        columns = [c.UID, c.CAPTION, c.OUTCOME, c.SHA256, c.TAR, c.OFFSET, c.SIZE]
        table = pool.table(unit.shard, columns).slice(rows.start, len(rows))
        skip = {row - rows.start for row in unit.skip}
        made: dict[str, list[pa.Table]] = {signal.family: [] for signal in signals}
        for with_images in (True, False):  # texts alone go through in larger batches
            some = [signal for signal in signals if signal.reads_images == with_images]
            at_once = self._at_once(some) if with_images else TEXTS
            for batch in batches(pool, table, skip, with_images, at_once, self._decoders()) if some else ():
                for signal in some:
                    made[signal.family].append(signal.measure(batch))
        return [self._part(signal, made[signal.family], unit.shard, len(rows)) for signal in signals]

    def _at_once(self, signals: Sequence[Signal]) -> int:
        models = [self.models[signal.family].batch for signal in signals if signal.family in self.models]
        return max(BATCH, best_at_once(models)) if models else BATCH

    def _decoders(self) -> int:
        return helpers() if self.models else cores()

    def _part(self, signal: Signal, tables: list[pa.Table], shard: str, rows: int) -> Part:
        table = pa.concat_tables(tables) if tables else null_table(signal.schema, 0)
        table = table.combine_chunks()
        if table.num_rows != rows or table.schema != signal.schema:
            raise ValueError(f"{signal.family}: {table.num_rows} rows of {table.schema}, not {rows} of {signal.schema}")
        files = {f"{shard}.parquet": table_bytes(table)}
        return Part(measured_folder(self.samples, signal.family), rows, states(table), files)

    def _signal(self, family: str) -> Signal:
        if family not in self._signals:
            plain = plain_signal(family)
            self._signals[family] = plain if plain is not None else self.models[family].signal(self._encoders)
        return self._signals[family]


def measured_folder(samples: str, family: str) -> str:
    """Where a family lies of the samples whose tables are in the folder `samples`."""
    return family_folder(family) if samples == POOL else f"{samples}/{family_folder(family)}"


def batches(
    pool: Pool, table: pa.Table, skip: set[int], with_images: bool, size: int, decoders: int = 1
) -> Iterator[Batch]:
    """Decoded batches of `size` of a shard's rows, in order; the next one is decoded while the last is measured.

    Rows that were not downloaded, and rows to skip, have neither image nor caption: all their signals are null.
    """
    ok = [o == Outcome.OK for o in table.column(c.OUTCOME).to_pylist()]
    usable = [fine and i not in skip for i, fine in enumerate(ok)]
    uids = table.column(c.UID).to_pylist()
    captions = [t if u else None for t, u in zip(table.column(c.CAPTION).to_pylist(), usable, strict=True)]
    contents = table.column(c.SHA256).to_pylist()
    tars, offsets, sizes = image_columns(table)
    places = [t if u else None for t, u in zip(tars, usable, strict=True)]
    stored = pool.images(places, offsets, sizes) if with_images else iter([None] * len(uids))

    def decode(start: int) -> Batch:
        stop = min(start + size, len(uids))
        images = list(threads.map(_opened, _take(stored, stop - start)))
        return Batch(uids[start:stop], captions[start:stop], images, contents[start:stop])

    with ThreadPoolExecutor(decoders) as threads, ThreadPoolExecutor(1) as ahead:
        starts = range(0, len(uids), size)
        pending = ahead.submit(decode, 0) if len(uids) else None
        for start in starts:
            assert pending is not None
            batch = pending.result()
            pending = ahead.submit(decode, start + size) if start + size < len(uids) else None
            yield batch


def _opened(data: bytes | None) -> Image | None:
    return open_stored(data) if data is not None else None


def _take(stored: Iterator[bytes | None], count: int) -> list[bytes | None]:
    return [next(stored) for _ in range(count)]
