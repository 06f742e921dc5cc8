"""Every kind of input becomes rows; nothing is lost and a bad line is a row that says where it was."""

import csv
import gzip
import hashlib
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder
from curate.uid import content_uid
from pipelines.inputs import urls
from pipelines.recipe import Input
from tests.conftest import picture
from tests.pipelines.inputs.small_run import run

PAIRS = [("http://a.example/1.jpg", 'a, "b"\nNA'), ("http://a.example/2.jpg", "null"), ("http://b.example/3.jpg", "7")]


def read(path, **columns):
    return list(urls.read(Input(urls=str(path), **columns)))


def as_csv(separator=","):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([("url", "caption"), *PAIRS])
    return text.getvalue().encode()


def as_parquet():
    sink = io.BytesIO()
    pq.write_table(pa.table({"url": [p[0] for p in PAIRS], "caption": [p[1] for p in PAIRS]}), sink)
    return sink.getvalue()


OBJECTS = [{"url": u, "caption": t} for u, t in PAIRS]
LISTS = {
    "csv": as_csv(),
    "tsv": as_csv("\t"),
    "json": json.dumps(OBJECTS).encode(),
    "jsonl": "\n".join(map(json.dumps, OBJECTS)).encode(),
    "parquet": as_parquet(),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", LISTS)
def test_all_kinds_of_list_give_the_same_rows(tmp_path, kind, zipped):
    path = tmp_path / (f"l.{kind}.gz" if zipped else f"l.{kind}")
    path.write_bytes(gzip.compress(LISTS[kind]) if zipped else LISTS[kind])
    rows = read(path)
    assert [(r[c.URL], r[c.CAPTION]) for r in rows] == PAIRS
    assert [r[c.ROW] for r in rows] == [0, 1, 2] and {r[c.SOURCE] for r in rows} == {path.name}


def test_a_text_list_and_globs(tmp_path):
    (tmp_path / "b.txt").write_text("http://a.example/1,2.jpg\n\nhttp://a.example/2.jpg\n")
    (tmp_path / "a.txt").write_text("http://a.example/0.jpg\n")
    rows = read(tmp_path / "*.txt")
    assert [r[c.URL] for r in rows] == ["http://a.example/0.jpg", "http://a.example/1,2.jpg", "http://a.example/2.jpg"]


def test_bad_lines_are_rows_that_say_where(tmp_path):
    (tmp_path / "l.csv").write_bytes(
        b'\xef\xbb\xbfurl,caption\nhttp://a/1,ok\nonly one\nhttp://a/2,\xff\xfe\n,no url\nhttp://a/3,"x"\n'
    )
    rows = read(tmp_path / "l.csv")
    assert [r.get(c.OUTCOME) for r in rows] == [None, "bad_row", "bad_row", "bad_row", None]
    assert rows[1][c.ERROR_MESSAGE] == "line 3: 1 fields, not 2" and "not UTF-8" in rows[2][c.ERROR_MESSAGE]
    (tmp_path / "l.jsonl").write_text('{"url": "http://a/1", "caption": "x"}\nnot json\n[1]\n')
    assert [r.get(c.OUTCOME) for r in read(tmp_path / "l.jsonl")] == [None, "bad_row", "bad_row"]


def test_texts_that_cannot_be_stored_are_cleaned_by_the_stated_rule(tmp_path):
    (tmp_path / "l.json").write_text(json.dumps([{"url": "http://a/1", "caption": "a\x00b\ud800c" + "x" * 20_000}]))
    (row,) = read(tmp_path / "l.json")
    assert row[c.CAPTION].startswith("a\ufffdb\ufffdc") and len(row[c.CAPTION]) == 10_000


def test_own_uids_are_kept_or_refused(tmp_path):
    (tmp_path / "l.jsonl").write_text(json.dumps({"url": "http://a/1", "uid": "ab" * 16}))
    assert read(tmp_path / "l.jsonl")[0][c.UID] == "ab" * 16
    (tmp_path / "l.jsonl").write_text(json.dumps({"url": "http://a/1", "uid": 7}))
    with pytest.raises(InputError, match="not 32 hex digits"):
        read(tmp_path / "l.jsonl")


def test_what_cannot_be_read_at_all_is_named(tmp_path):
    (tmp_path / "l.parquet").write_bytes(b"x")
    (tmp_path / "l.json").write_text("{}")
    (tmp_path / "l.docx").write_text("")
    (tmp_path / "l.csv.gz").write_bytes(b"not gzip")
    for name, what in (
        ("parquet", "not readable as Parquet"),
        ("json", "not a list"),
        ("docx", "unknown kind"),
        ("csv.gz", "unreadable"),
    ):
        with pytest.raises(InputError, match=what):
            read(tmp_path / f"l.{name}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(min_size=1), st.text()), min_size=1, max_size=8))
def test_whatever_the_text_no_row_is_lost(tmp_path, pairs):
    path = tmp_path / "l.csv"
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as stream:
        csv.writer(stream).writerows([("url", "caption"), *pairs])
    assert len(read(path)) == len(pairs)


def test_an_image_table_with_lists_of_captions(tmp_path):
    captions = [["one a", "one b"], ["two"], None]
    pq.write_table(
        pa.table({"jpg": [picture(0), picture(1), b"no image"], "caption": captions}), tmp_path / "t.parquet"
    )
    summary, rows = run(tmp_path, {"table": "t.parquet"})
    assert summary.outcomes == {"not_an_image": 1, "ok": 3}
    assert [r[c.CAPTION] for r in rows] == ["one a", "one b", "two", None]
    assert rows[0][c.IMAGE_UID] == rows[1][c.IMAGE_UID] == content_uid(hashlib.sha256(picture(0)).hexdigest(), "")
    assert rows[0][c.UID] == content_uid(rows[0][c.SHA256], "one a")
    with tarfile.open(tmp_path / "run/dataset/00000.tar") as tar:
        about = json.load(tar.extractfile(next(m for m in tar.getnames() if m.endswith(".json"))))
        assert len(tar.getnames()) == 6
    assert sorted(t["text"] for t in about["texts"]) == ["one a", "one b"]


def test_a_folder_of_images_and_a_table(tmp_path):
    (tmp_path / "p").mkdir()
    for i in range(2):
        (tmp_path / "p" / f"{i}.jpg").write_bytes(picture(i))
    (tmp_path / "l.csv").write_text("file,caption\n0.jpg,zero\n1.jpg,one\n../../etc/passwd,no\n2.jpg,gone\n")
    summary, _rows = run(tmp_path, {"images": {"folder": "p", "table": "l.csv"}})
    assert summary.outcomes == {"bad_row": 2, "ok": 2} and summary.kept == 2


def test_tars_are_read_in_place_and_a_dataset_of_ours_keeps_its_uids(tmp_path):
    pq.write_table(
        pa.table({"jpg": [picture(i) for i in range(9)], "caption": [["a", f"b{i}"] for i in range(9)]}),
        tmp_path / "t.parquet",
    )
    first = tmp_path / "first"
    first.mkdir()
    summary, _ = run(first, {"table": "../t.parquet"})
    again = tmp_path / "again"
    again.mkdir()
    second, rows = run(again, {"webdataset": "../first/run/dataset/*.tar"})
    assert second.kept == summary.kept == 18 and not list((again / "run/pool").glob("*.tar"))
    assert {r[c.TAR] for r in rows} == {str(first / "run/dataset/00000.tar")}
    ids = [Folder(str(f / "run")).read("subset.npy") for f in (first, again)]
    assert ids[0] == ids[1]


def test_a_cut_tar_is_an_error_that_names_it(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for i in range(3):
            info = tarfile.TarInfo(f"{i}.jpg")
            info.size = len(picture(i))
            tar.addfile(info, io.BytesIO(picture(i)))
    data = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "x.tar").write_bytes(data[: len(picture(0)) + 2000])
    with pytest.raises(InputError, match=r"x\.tar: damaged tar at byte"):
        run(tmp_path, {"webdataset": "x.tar"})


@pytest.mark.slow
def test_img2datasets_own_output_is_taken_failures_included(tmp_path):
    from tests.pipelines.web import small_site

    with small_site(4) as site:
        lines = [f"http://{site.address}{path}\tpicture {i} of it" for i, path in enumerate(sorted(site.pages))]
        lines.append(f"http://{site.address}/none.jpg\tnothing is there")
        (tmp_path / "l.tsv").write_text("url\tcaption\n" + "\n".join(lines) + "\n")
        script = (
            "from img2dataset import download\n"
            f"download(url_list={str(tmp_path / 'l.tsv')!r}, input_format='tsv', url_col='url', caption_col='caption',"
            f" output_folder={str(tmp_path / 'out')!r}, output_format='webdataset', processes_count=1, thread_count=4,"
            " image_size=128, number_sample_per_shard=5)"
        )
        import os
        import subprocess
        import sys

        environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    summary, rows = run(tmp_path, {"img2dataset": "out"})
    assert summary.outcomes == {"404": 1, "ok": 8} and summary.kept == 8
    assert {(r[c.ORIGINAL_WIDTH], r[c.ORIGINAL_HEIGHT]) for r in rows if r[c.OUTCOME] == "ok"} == {(256, 240)}
    assert {(r[c.WIDTH], r[c.HEIGHT]) for r in rows if r[c.OUTCOME] == "ok"} == {(128, 128)}
