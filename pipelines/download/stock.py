"""`engine: img2dataset`: the stock img2dataset fetches and resizes, and what it wrote becomes pool shards like ours.

What it cannot do stays undone: it connects to private addresses, reads no robots.txt, has no limit of bytes, and one
slow server can hold a unit up until `limit`. What we can do outside of it is done: a URL is parsed first, so that no
`file:` reaches it; each image is decoded to its last row; a row that it lost has an outcome; and the tar is written
anew, because its own depends on which answer came first and on the time of day.
"""

import math
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curate import schema as c
from curate.files import sha256
from curate.image_store import StorePolicy
from curate.images import Failed, decode
from curate.schema import Outcome
from curate.tars import IMAGES, grouped, index
from pipelines.download.answer import Fetched
from pipelines.download.outage import network_down
from pipelines.download.policy import FetchPolicy, Refused
from pipelines.download.spool import Spool
from pipelines.download.stock_process import StockFailed, run_stock
from pipelines.download.unit_rows import FetchTask, Got
from pipelines.download.urls import parse_url
from pipelines.inputs.img2dataset import outcome

VERSION = 2
THREADS = 64  # of its own, at most
ROW = "curate_row"  # the column that it carries through
DIRECTIVES = ("noai", "noimageai", "noindex", "noimageindex", "none", "noml")  # its four, and two it does not know


@dataclass
class StockTask(FetchTask):
    """`limit`: seconds that a unit may take."""

    fetch: FetchPolicy = field(default_factory=FetchPolicy)
    store: StorePolicy = field(default_factory=StorePolicy)
    limit: float = 480.0

    def ask(self, urls: dict[int, str], among: Sequence[str] | None = None) -> dict[int, Got]:
        """Raises StockFailed."""
        got: dict[int, Got] = {}
        plain: dict[int, str] = {}
        for number, url in urls.items():
            try:
                plain[number] = parse_url(url).url
            except Refused as refused:
                got[number] = Got(Fetched(refused.outcome, message=refused.message, attempts=0))
        if plain:
            with tempfile.TemporaryDirectory(prefix="curate-img2dataset-") as name:
                place = Path(name)
                pq.write_table(pa.table({"url": list(plain.values()), ROW: list(plain)}), place / "list.parquet")
                run_stock(place, self.options(place, len(plain)), self.limit)
                got |= self._written(place / "out", plain)
        if among is None:
            network_down([urls[i] for i in urls], [got[i].fetched.outcome for i in urls])
        return got

    def options(self, place: Path, rows: int) -> dict[str, Any]:
        """What `img2dataset.download` is called with."""
        return {
            "url_list": str(place / "list.parquet"),
            "input_format": "parquet",
            "url_col": "url",
            "save_additional_columns": [ROW],
            "output_folder": str(place / "out"),
            "output_format": "webdataset",
            "number_sample_per_shard": rows,
            "processes_count": 1,
            "thread_count": min(THREADS, self.fetch.concurrency),
            "timeout": max(1, math.ceil(self.fetch.timeout)),
            "retries": self.fetch.retries,
            "image_size": self.store.image_size,
            "resize_mode": self.store.resize_mode,
            "resize_only_if_bigger": self.store.resize_only_if_bigger,
            "encode_format": self.store.encode_format,
            "encode_quality": self.store.encode_quality,
            "min_image_size": self.store.min_image_size,
            "max_image_area": self.store.max_pixels,
            "max_aspect_ratio": self.store.max_aspect_ratio,
            "disallowed_header_directives": list(DIRECTIVES) if self.fetch.respect_opt_out else [],
            "user_agent_token": "curate",
            "compute_hash": "sha256",
            "extract_exif": False,
        }

    def _written(self, out: Path, plain: dict[int, str]) -> dict[int, Got]:
        """What it says became of each row, and each image that it wrote, looked at."""
        tar, table = out / "00000.tar", out / "00000.parquet"
        if not tar.exists() or not table.exists():
            raise StockFailed("img2dataset ended without a tar and a table")
        records = {record[ROW]: record for record in pq.read_table(table).to_pylist()}
        got, spool = dict[int, Got](), Spool()
        with tar.open("rb") as stream:
            found = dict(grouped(index(stream, str(tar)), str(tar)))
            for number in plain:
                record = records.get(number)
                member = next(
                    (m for e, m in found.get(str((record or {}).get(c.KEY)), {}).items() if e in IMAGES), None
                )
                data = None
                if member is not None:
                    stream.seek(member.offset)
                    data = stream.read(member.size)
                got[number] = self._judge(record, data, spool)
        return got

    def _judge(self, record: dict[str, Any] | None, data: bytes | None, spool: Spool) -> Got:
        """What img2dataset does not tell is null: the format as downloaded, frames, consent."""
        if record is None:
            lost = "img2dataset lost this row: it is neither in its table nor in its tar"
            return Got(Fetched(Outcome.WORKER_CRASH, message=lost))
        message, digest = record[c.ERROR_MESSAGE], record[c.SHA256]
        found = outcome(record[c.STATUS], message)
        if found is not Outcome.OK:
            status = re.match(r"HTTP Error (\d{3})\b", message or "")
            return Got(Fetched(found, http_status=int(status[1]) if status else None, message=message), digest)
        if data is None:
            return Got(Fetched(Outcome.DAMAGED_IMAGE, message="img2dataset put no image into its tar"), digest)
        looked = decode(data, max_pixels=self.store.max_pixels, max_side=self.store.max_side)
        if isinstance(looked, Failed):
            return Got(Fetched(Outcome.OK), digest, failed=looked)
        width, height = looked.image.size
        stored = {
            c.WIDTH: width,
            c.HEIGHT: height,
            c.ORIGINAL_WIDTH: record[c.ORIGINAL_WIDTH] or width,
            c.ORIGINAL_HEIGHT: record[c.ORIGINAL_HEIGHT] or height,
            c.STORED_SHA256: sha256(data),
        }
        return Got(Fetched(Outcome.OK), digest, stored=stored, image=spool.put(data))
