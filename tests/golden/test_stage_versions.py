"""What the listing, the ingest and the dataset make of a fixed input is recorded with the version of each.

When this fails because the output was meant to change, raise VERSION in the stage's file, and put the new digest here.
(The download has a version too; what it makes is recorded by the tests of its parts, for it needs a server.)
"""

import hashlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate import dataset
from curate import schema as c
from curate.files import Folder, table_bytes
from pipelines import ingest, listing, repeats
from pipelines.engine.unit import Unit
from tests.pipelines.inputs.small_run import run

RECORDED = {
    "input": (3, "bf88259c8983f5f5"),
    "pool": (4, "502da0a9bb8476d7"),
    "dataset": (2, "01a879ac54bf1dd6"),
    "repeats": (2, "368ebc0ddc89a261"),
}


def bitmap(colour):
    """A BMP made by hand of nothing but its pixels: no codec's version is part of the input."""
    image = Image.new("RGB", (4, 3), colour)
    pixels = image.tobytes("raw", "BGR")
    header = b"BM" + (54 + 36).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    sizes = (40).to_bytes(4, "little") + (4).to_bytes(4, "little") + (3).to_bytes(4, "little")
    return header + sizes + b"\x01\x00\x18\x00" + bytes(24) + pixels


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("golden")
    red, blue = bitmap((250, 10, 10)), bitmap((10, 10, 250))
    rows = {
        "jpg": [red, blue, red, b"no image", None],
        "caption": [["one", "two"], ["a\x00b"], None, ["lost"], ["gone"]],
        "url": [None, "http://a/2", None, None, None],
        "uid": ["1" * 32, None, None, None, None],
        "label": ["x", None, None, None, None],
    }
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    run(tmp_path, {"table": "t.parquet"}, samples_per_shard=2, statistics=[])
    return tmp_path


def rows_of(made, under):
    folder = Folder(str(made / "run"))
    tables = [folder.read_table(f"{under}/{name}") for name in folder.names(under) if name.endswith(".parquet")]
    text = json.dumps([table.to_pylist() for table in tables], sort_keys=True)
    return text.replace(str(made), "HERE")


@pytest.mark.parametrize(
    ("stage", "version"), [("input", listing.VERSION), ("pool", ingest.VERSION), ("dataset", dataset.VERSION)]
)
def test_output_and_version_belong_together(made, stage, version):
    data = rows_of(made, stage).encode()
    for path in sorted((made / "run" / stage).glob("*.tar")):
        data += path.read_bytes()
    assert (version, hashlib.sha256(data).hexdigest()[:16]) == RECORDED[stage]


def test_repeats_and_their_version_belong_together(tmp_path):
    folder, at = Folder(str(tmp_path)), {"url": "http://a/1", "source": "l.txt"}
    came = {**at, "uid": "1" * 32, "image_uid": "1" * 32, "outcome": "ok", "tar": "00000.tar", "offset": 512, "size": 9}
    lost = {**at, "uid": "2" * 32, "image_uid": "2" * 32, "outcome": "404", "error_message": "HTTP 404"}
    rows = [{**at, "row": 8 - i, "caption": "xyz"[i], "tar": "row:00000", "offset": 1 - i % 2} for i in range(3)]
    folder.write("pool/00000.parquet", table_bytes(pa.Table.from_pylist([came, lost], c.POOL)))
    folder.write("input/d00000.parquet", table_bytes(pa.Table.from_pylist(rows, c.INPUT)))
    (part,) = repeats.RepeatsTask(folder).run(Unit("repeats", "d00000", 3, {}, None), range(3))
    folder.write("pool/d00000.parquet", part.files["d00000.parquet"])
    made = folder.read_table("pool/d00000.parquet").to_pylist()
    text = json.dumps(
        [{name: value for name, value in row.items() if value is not None} for row in made], sort_keys=True
    )
    assert part.states == {"404": 2, "ok": 1}
    assert (repeats.VERSION, hashlib.sha256(text.encode()).hexdigest()[:16]) == RECORDED["repeats"]
