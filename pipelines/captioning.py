"""Captions of a pool shard's images: a unit of work, and a cache that outlives it.

logs/cache/captions-IDENTITY/NNNNN.parquet, beside the pool, has the text of every image of that shard which a captioner
was asked about, by what it depends on: the image's uid (its draw), the bytes that came (their fold), and the bytes that
are stored (the pixels that it saw). So rounds, retries and other thresholds before it caption only new images.
Like every cache it is part of no hash and no proof.
"""

import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.captioned import captioned
from curate.files import Folder, open_parquet, table_bytes
from curate.pool import Pool
from curate.signals import Signal
from curate.uid import fingerprint
from model_training.models.blip_tokens import clean_caption
from model_training.models.fixed_batches import best_at_once, helpers
from pipelines.engine.unit import Part, Unit
from pipelines.measure import BATCH, batches
from pipelines.measured import Captions, Encoders, RankedCaptions
from pipelines.synthetic import pool_shard
from pipelines.workspace import CACHE, POOL, SYNTHETIC

VERSION = 2
READ = (c.UID, c.IMAGE_UID, c.CAPTION, c.OUTCOME, c.SHA256, c.TAR, c.OFFSET, c.SIZE)
TEXT = "text"
KEY = (c.IMAGE_UID, c.SHA256, c.STORED_SHA256)  # of the cache
Key = tuple[str | None, ...]


@dataclass(frozen=True)
class Wanted:
    """What a unit captions: these rows of its pool shard. A text that the image has already, its own of the web or
    one that a captioner before wrote, is left out: the same words twice are one text."""

    places: tuple[int, ...]
    others: tuple[str, ...]  # pool shards with more rows of these images
    before: tuple[str, ...]  # shards of what the captioners before wrote of them


@dataclass
class CaptionTask:
    """`spec` of a unit is `Wanted`. The model is loaded when the first image needs it."""

    folder: Folder
    captions: Captions | RankedCaptions
    _signal: Signal | None = None
    _encoders: Encoders = field(default_factory=Encoders)
    leaves_out = True

    def open(self) -> None: ...

    def run(self, unit: Unit, rows: range) -> list[Part]:
        wanted: Wanted = unit.spec
        shard, places = pool_shard(unit.shard), [wanted.places[row] for row in rows]
        table = Pool(self.folder).table(shard).take(pa.array(places, pa.int64()))
        left_out = {row - rows.start for row in unit.skip if row in rows}
        texts = self._texts(shard, table, left_out)
        uids = table.column(c.IMAGE_UID).to_pylist()
        there = [f"{POOL}/{one}" for one in (shard, *wanted.others)] + [f"{SYNTHETIC}/{one}" for one in wanted.before]
        taken = self._taken(there, set(uids))
        new = [None if (uid, text) in taken else text for uid, text in zip(uids, texts, strict=True)]
        made = captioned(table, new, self.captions.name, places)
        files = {f"{unit.shard}.parquet": table_bytes(made)}
        states = {"written": made.num_rows} if made.num_rows else {}
        return [Part(SYNTHETIC, made.num_rows, states, files)]

    def _taken(self, tables: Sequence[str], images: set[str]) -> set[tuple[str, str]]:
        """(image_uid, text) of the texts that these images have."""
        found: set[tuple[str, str]] = set()
        for name in tables:
            table = self.folder.read_table(f"{name}.parquet", [c.IMAGE_UID, c.CAPTION])
            pairs = zip(*(table.column(one).to_pylist() for one in (c.IMAGE_UID, c.CAPTION)), strict=True)
            found.update(pair for pair in pairs if pair[0] in images)
        return found

    def _texts(self, shard: str, table: pa.Table, left_out: set[int]) -> list[str | None]:
        """Per row its caption; None where nothing can be written."""
        images: list[Key] = list(zip(*(table.column(name).to_pylist() for name in KEY), strict=True))
        cache = CaptionCache.of(self.folder, self.captions)
        known = cache.read(shard) if cache else {}
        new = [i for i, image in enumerate(images) if image not in known and i not in left_out]
        if new:
            written = self._written(table.select(list(READ)).take(pa.array(new, pa.int64())))
            found = {images[i]: text for i, text in zip(new, written, strict=True)}
            known = {**known, **found}
            if cache:
                cache.write(shard, known)
        return [None if i in left_out else known[image] for i, image in enumerate(images)]

    def _written(self, table: pa.Table) -> list[str | None]:
        """What the model says of these images, each by the draw of its uid, cleaned as captions are for training."""
        if self._signal is None:
            self._signal = self.captions.signal(self._encoders)
        place = table.schema.get_field_index(c.UID)
        keyed = table.set_column(place, c.UID, table.column(c.IMAGE_UID))
        size = max(BATCH, best_at_once([self.captions.batch]))
        found: list[str | None] = []
        for batch in batches(Pool(self.folder), keyed, set(), True, size, helpers()):
            texts = self._signal.measure(batch).column(0).to_pylist()
            found += [None if text is None else clean_caption(text) or None for text in texts]
        return found


@dataclass(frozen=True)
class CaptionCache:
    """What one captioner wrote of the images of a pool."""

    path: Path

    @classmethod
    def of(cls, folder: Folder, captions: Captions | RankedCaptions) -> "CaptionCache | None":
        """None where there can be none: a round sees the pool of its run, whose folder may be elsewhere."""
        home = Folder(folder.url(POOL).removesuffix(f"/{POOL}"))
        identity = fingerprint(VERSION, captions.version, captions.identity)
        return cls(Path(home.path(posixpath.join(CACHE, f"captions-{identity}")))) if home.local else None

    def read(self, shard: str) -> dict[Key, str | None]:
        """The values of `KEY` -> caption; nothing where no file can be read."""
        try:
            with open_parquet(str(self.path / f"{shard}.parquet")) as file:
                table = file.read([*KEY, TEXT])
        except (pa.ArrowException, OSError):
            return {}
        keys = zip(*(table.column(name).to_pylist() for name in KEY), strict=True)
        return dict(zip(keys, table.column(TEXT).to_pylist(), strict=True))

    def write(self, shard: str, known: dict[Key, str | None]) -> None:
        """Whole or not at all; where there is no room it is left."""
        columns = [*([key[i] for key in known] for i in range(len(KEY))), list(known.values())]
        table = pa.table([pa.array(values, pa.string()) for values in columns], [*KEY, TEXT])
        unfinished = self.path / f".{os.getpid()}-{shard}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, unfinished, compression="zstd", write_page_checksum=True)
            unfinished.replace(self.path / f"{shard}.parquet")
        except OSError:
            unfinished.unlink(missing_ok=True)
