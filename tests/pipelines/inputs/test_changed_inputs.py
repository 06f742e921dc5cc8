"""An input file that was changed in its place is noticed, whatever its name and size still say."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, sha256
from curate.pool import Pool
from pipelines import materialize
from pipelines.inputs import places
from pipelines.recipe import load
from pipelines.workspace import Workspace
from tests.conftest import picture
from tests.pipelines.inputs.small_run import run, texts, write_tar

OLD, NEW = (data + b"\0" * (40_000 - len(data)) for data in (picture(0), picture(1)))


def write_table(tmp_path, image):
    pq.write_table(pa.table({"jpg": [image], "caption": ["it"]}), tmp_path / "in.parquet", compression="none")
    return {"table": "in.parquet"}


def write_webdataset(tmp_path, image):
    write_tar(tmp_path / "in.tar", [("0.jpg", image), ("0.txt", b"it")])
    return {"webdataset": "in.tar"}


def write_img2dataset(tmp_path, image):
    (tmp_path / "in").mkdir(exist_ok=True)
    write_tar(tmp_path / "in" / "0.tar", [("0.jpg", image)])
    rows = {"key": ["0"], "url": ["http://a/0"], "caption": ["it"], "status": ["success"], "error_message": [None]}
    pq.write_table(pa.table(rows), tmp_path / "in" / "0.parquet")
    return {"img2dataset": "in"}


def write_images(tmp_path, image):
    (tmp_path / "in").mkdir(exist_ok=True)
    (tmp_path / "in" / "0.jpg").write_bytes(image)
    (tmp_path / "in.csv").write_text("file,caption\n0.jpg,it\n")
    return {"images": {"folder": "in", "table": "in.csv"}}


WRITERS = [write_table, write_webdataset, write_img2dataset, write_images]


@pytest.mark.parametrize("write", WRITERS)
def test_other_bytes_of_the_same_size_in_the_same_place_are_read_anew(tmp_path, write):
    run(tmp_path, write(tmp_path, OLD))
    assert texts(tmp_path) == {OLD: ["it"]}
    assert run(tmp_path, write(tmp_path, OLD))[0].made == 0
    _, (row,) = run(tmp_path, write(tmp_path, NEW))
    assert texts(tmp_path) == {NEW: ["it"]} and row[c.STORED_SHA256] == sha256(NEW)


def test_a_date_that_was_set_back_hides_nothing_and_a_broken_note_is_none(tmp_path):
    given, file = write_table(tmp_path, OLD), tmp_path / "in.parquet"
    run(tmp_path, given)
    before = file.stat()
    write_table(tmp_path, NEW)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    run(tmp_path, given)
    assert texts(tmp_path) == {NEW: ["it"]}
    (note,) = tmp_path.glob("**/logs/sources.json")
    note.write_text('{"x": 3}')
    assert run(tmp_path, given)[0].made == 0


def test_what_was_hashed_is_not_read_again(tmp_path, monkeypatch):
    given = write_table(tmp_path, OLD)
    run(tmp_path, given)
    monkeypatch.setattr(places, "content", None)
    assert run(tmp_path, given)[0].made == 0


def test_a_text_changed_in_a_tar_is_read_anew(tmp_path):
    for text in ("red car", "old cat"):
        write_tar(tmp_path / "in.tar", [("0.jpg", OLD), ("0.txt", text.encode())])
        run(tmp_path, {"webdataset": "in.tar"})
        assert texts(tmp_path) == {OLD: [text]}


def test_a_folder_that_moved_is_read_where_it_is_now(tmp_path):
    given = write_img2dataset(tmp_path, OLD)
    run(tmp_path, given)
    (tmp_path / "in").rename(tmp_path / "moved")
    _, (row,) = run(tmp_path, {"img2dataset": "moved"}, dataset={"samples_per_shard": 1})
    assert row[c.TAR] == str(tmp_path / "moved" / "0.tar") and texts(tmp_path) == {OLD: ["it"]}


def test_a_list_that_grew_leaves_the_shards_before_it_as_they_are(tmp_path):
    lines = [f"http://127.0.0.1:9/{i}.jpg,caption {i}\n" for i in range(5)]
    quick = {"download": {"timeout": 1, "retries": 0}, "samples_per_shard": 2}
    (tmp_path / "l.csv").write_text("url,caption\n" + "".join(lines[:2]))
    run(tmp_path, {"urls": "l.csv"}, **quick)
    before = (tmp_path / "run" / "input" / "00000.parquet").read_bytes()
    (tmp_path / "l.csv").write_text("url,caption\n" + "".join(lines))
    run(tmp_path, {"urls": "l.csv"}, **quick)
    assert (tmp_path / "run" / "input" / "00000.parquet").read_bytes() == before


def test_bytes_that_change_under_a_pool_are_never_written_to_a_dataset(tmp_path):
    run(tmp_path, write_webdataset(tmp_path, OLD))
    write_webdataset(tmp_path, NEW)
    workspace = Workspace(Folder(str(tmp_path / "run")))
    (unit,) = materialize.units(load(tmp_path / "recipe.yaml"), workspace)
    with pytest.raises(InputError, match=r"in\.tar: what lies at byte 512 is not the image of the row [0-9a-f]{32}"):
        materialize.MaterializeTask(workspace.folder).run(unit, range(1))
    assert Pool(workspace.folder).table("00000").column(c.STORED_SHA256).to_pylist() == [sha256(OLD)]


def test_a_table_with_a_broken_page_is_named(tmp_path):
    write_table(tmp_path, OLD)
    data = bytearray((tmp_path / "in.parquet").read_bytes())
    data[4:16] = b"\xff" * 12
    (tmp_path / "in.parquet").write_bytes(data)
    with pytest.raises(InputError, match=r"in\.parquet: unreadable near row 0"):
        run(tmp_path, {"table": "in.parquet"})
