"""engine: img2dataset: what the stock one wrote is a pool like ours, and what it does wrong ends."""

import io
import subprocess
import time

import pyarrow.parquet as pq
import pytest
from PIL import Image

from curate import schema as c
from curate.files import Folder, sha256, table_bytes
from curate.image_store import StorePolicy
from pipelines.download import stock_process
from pipelines.download.policy import FetchPolicy
from pipelines.download.spool import Spool
from pipelines.download.stock import StockTask
from pipelines.download.stock_process import StockFailed, run_stock
from pipelines.engine.unit import Unit
from pipelines.inputs.rows import asked, bad, tables
from tests.conftest import picture
from tests.pipelines.web import Site

UNIT = Unit("download", "00000", 8, {"pool": "x"}, "00000")


def run(task, rows):
    (listed,) = tables(rows)
    task.folder.write("input/00000.parquet", table_bytes(listed))
    part = next(part for part in task.run(UNIT, range(len(rows))) if part.under == "pool")
    return part, pq.read_table(io.BytesIO(part.files["00000.parquet"])).to_pylist()


@pytest.mark.slow
def test_what_it_wrote_is_a_pool_like_ours(tmp_path):
    pages = {f"/{i}.jpg": picture(i) for i in range(3)} | {"/text.jpg": b"<html>", "/empty.jpg": b""}
    with Site(pages) as site:
        at = f"http://{site.address}"
        rows = [asked("l.csv", i, f"{at}/{i}.jpg", f"picture {i}") for i in range(3)]
        rows[1][c.SHA256], rows[2][c.SHA256] = sha256(picture(1)), "0" * 64
        rows += [asked("l.csv", 3, f"{at}/none.jpg", "nothing"), asked("l.csv", 4, "file:///etc/passwd", "a file")]
        rows += [asked("l.csv", 5, f"{at}/text.jpg", "a text"), asked("l.csv", 6, f"{at}/empty.jpg", "nothing")]
        rows += [bad("l.csv", 7, "row 7: no url")]
        task = StockTask(Folder(str(tmp_path)), fetch=FetchPolicy(retries=0), store=StorePolicy(image_size=128))
        part, pool = run(task, rows)
    assert [r[c.OUTCOME] for r in pool] == (
        ["ok", "ok", "hash_mismatch", "404", "bad_url", "damaged_image", "empty_body", "bad_row"]
    )
    assert [r[c.SHA256] for r in pool[:3]] == [sha256(picture(i)) for i in range(3)]
    assert [r[c.EXPECTED_SHA256] for r in pool[:3]] == [None, sha256(picture(1)), "0" * 64]
    assert (pool[0][c.ORIGINAL_WIDTH], pool[0][c.WIDTH], pool[3][c.HTTP_STATUS]) == (256, 128, 404)
    for row in pool[:2]:
        data = part.files["00000.tar"][row[c.OFFSET] : row[c.OFFSET] + row[c.SIZE]]
        assert sha256(data) == row[c.STORED_SHA256] and Image.open(io.BytesIO(data)).size == (128, 120)


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    pids = tmp_path / "pids"
    child = (
        "import os, subprocess, sys, time\n"
        "held = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{held.pid}}')\n"
        "print('waiting for ever', flush=True)\ntime.sleep(60)\n"
    )
    monkeypatch.setattr(stock_process, "_CHILD", child)
    began = time.monotonic()
    with pytest.raises(StockFailed, match=r"not done after 5 s; it said: waiting for ever"):
        run_stock(tmp_path, {}, 5)
    assert time.monotonic() - began < 40
    for pid in pids.read_text().split():
        state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False).stdout
        assert state.strip()[:1] in ("", "Z")


def test_what_ends_without_its_work_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(stock_process, "_CHILD", "import json, sys; sys.exit(json.load(open(sys.argv[1]))['word'])")
    with pytest.raises(StockFailed, match="ended with 1; it said: no disk"):
        run_stock(tmp_path, {"word": "no disk"}, 20)


@pytest.mark.parametrize(
    ("record", "data", "outcome"),
    [
        (None, None, "worker_crash"),
        ({"status": "success", "error_message": None, "sha256": "a", "key": "0"}, None, "damaged_image"),
        ({"status": "success", "error_message": None, "sha256": "a", "key": "0"}, picture(0)[:500], "damaged_image"),
        ({"status": "failed_to_download", "error_message": "HTTP Error 503: x", "sha256": None}, None, "5xx"),
    ],
)
def test_a_row_that_it_lost_or_spoiled_has_an_outcome(tmp_path, record, data, outcome):
    got = StockTask(Folder(str(tmp_path)))._judge(record, data, Spool())
    assert str((got.failed or got.fetched).outcome) == outcome and got.stored is None
