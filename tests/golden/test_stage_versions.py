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
from curate.files import Folder
from pipelines import ingest, listing
from tests.pipelines.inputs.small_run import run

RECORDED = {
    "input": (2, "bf88259c8983f5f5"),
    "pool": (2, "785a4afbea3869df"),
    "dataset": (2, "01a879ac54bf1dd6"),
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
