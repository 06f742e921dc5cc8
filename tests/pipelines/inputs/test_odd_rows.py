"""An odd row is a value with a reason, or is read by a stated rule; it never ends a run."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate import schema as c
from curate.errors import InputError
from curate.uid import content_uid
from pipelines.inputs import img2dataset, table, urls, webdataset
from pipelines.inputs.rows import tables
from pipelines.recipe import Input
from tests.conftest import picture
from tests.pipelines.inputs.small_run import dataset, run, texts, write_tar


def listed(reader, **given):
    """The rows as they are stored: a value that Arrow refuses fails here."""
    return [row for batch in tables(reader.read(Input(**given))) for row in batch.to_pylist()]


def test_a_caption_without_a_url_and_a_label_of_half_a_character_are_cleaned(tmp_path):
    lines = [
        {"url": None, "caption": 5, "label": 1},
        {"url": "", "caption": "\ud800"},
        {"url": "http://a/x.jpg", "caption": ["a"], "label": "\ud800\x00"},
    ]
    (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, lines)))
    rows = listed(urls, urls=str(tmp_path / "l.jsonl"))
    assert [r[c.OUTCOME] for r in rows] == ["bad_row", "bad_row", None]
    assert [r[c.CAPTION] for r in rows] == ["5", "\ufffd", "['a']"] and rows[2][c.LABEL] == "\ufffd\ufffd"


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.large_string()])
def test_columns_of_bytes_are_read_as_utf8(tmp_path, kind):
    columns = {"url": pa.array(["http://a/é.jpg"]).cast(kind), "caption": pa.array(["grün"]).cast(kind)}
    pq.write_table(pa.table(columns), tmp_path / "l.parquet")
    (row,) = listed(urls, urls=str(tmp_path / "l.parquet"))
    assert (row[c.URL], row[c.CAPTION], row[c.OUTCOME]) == ("http://a/é.jpg", "grün", None)


def test_each_caption_of_a_row_with_a_uid_has_a_uid_of_its_own(tmp_path):
    rows = {"uid": ["0" * 32, "1" * 32, "2" * 32], "caption": [["a", "b"], ["c"], None], "jpg": [b""] * 3}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    found = listed(table, table=str(tmp_path / "t.parquet"))
    own = [content_uid("0" * 32, "a"), content_uid("0" * 32, "b"), "1" * 32, "2" * 32]
    assert [r[c.UID] for r in found] == own


def test_a_uid_in_a_tar_that_is_none_of_ours_is_not_taken_and_files_of_macos_are_passed_over(tmp_path):
    write_tar(
        tmp_path / "a.tar",
        [
            ("./._000.jpg", b"mac"),
            ("000.jpg", b"x"),
            ("000.json", json.dumps({"caption": "a", "uid": "img-17", "label": "\ud800"}).encode()),
            ("__MACOSX/._001.jpg", b"mac"),
            ("001.jpg", b"y"),
            ("001.json", json.dumps({"caption": "b", "uid": "ab" * 16}).encode()),
        ],
    )
    rows = listed(webdataset, webdataset=str(tmp_path / "a.tar"))
    assert [(r[c.CAPTION], r[c.UID], r[c.LABEL], r[c.OUTCOME]) for r in rows] == [
        ("a", None, "\ufffd", None),
        ("b", "ab" * 16, None, None),
    ]


def test_lists_with_one_base_name_are_told_apart(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "l.csv").write_text("url,caption\n,no url\n")
    rows = listed(urls, urls=str(tmp_path / "*/l.csv"))
    assert [(r[c.SOURCE], r[c.ROW]) for r in rows] == [("l.csv", 0), ("b/l.csv", 0)]
    summary, pool = run(tmp_path, {"urls": "*/l.csv"})
    assert len({r[c.UID] for r in pool}) == 2 and summary.funnel[0]["dropped"] == 0


def test_a_tar_without_its_parquet_is_reported(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write_tar(folder / "00000.tar", [("000000.jpg", picture(0))])
    rows = {"key": ["000000"], "url": ["http://a/0"], "caption": ["a"], "status": ["success"]}
    pq.write_table(pa.table(rows), folder / "00000.parquet")
    assert len(listed(img2dataset, img2dataset=str(folder))) == 1
    write_tar(folder / "00001.tar", [("000010.jpg", picture(1))])
    with pytest.raises(InputError, match=r"00001\.tar: no Parquet lies beside it"):
        listed(img2dataset, img2dataset=str(folder))


def test_a_sample_without_a_caption_is_a_dataset_sample_without_texts(tmp_path):
    images = [picture(0), picture(1), picture(2)]
    pq.write_table(pa.table({"jpg": images, "caption": [["one"], None, [None, "two"]]}), tmp_path / "t.parquet")
    summary, _ = run(tmp_path, {"table": "t.parquet"})
    assert summary.kept == 4
    assert texts(tmp_path) == {images[0]: ["one"], images[1]: [], images[2]: ["two"]}
    members = dataset(tmp_path)
    assert sorted(data for name, data in members.items() if name.endswith(".txt")) == [b"one", b"two"]
    assert {m["caption"] for name, m in members.items() if name.endswith(".json")} == {"one", "two", None}


def test_an_image_is_told_by_its_bytes_not_by_its_url(tmp_path):
    rows = {"jpg": [picture(0), picture(1)], "url": ["http://a/x.jpg"] * 2, "caption": [["a"], ["a", "of one"]]}
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    run(tmp_path, {"table": "t.parquet"})
    assert texts(tmp_path) == {picture(0): ["a"], picture(1): ["of one"]}


def test_how_the_pool_is_cut_changes_no_image(tmp_path):
    (tmp_path / "im").mkdir()
    for i in range(4):
        (tmp_path / "im" / f"{i}.jpg").write_bytes(picture(i))
    listing = "".join(f"{i}.jpg,caption {i}\n" for i in range(4)) + "0.jpg,again 0\n"
    (tmp_path / "l.csv").write_text("file,caption\n" + listing)
    made = []
    for cut in (1, 2, 1000):
        summary, _ = run(tmp_path, {"images": {"folder": "im", "table": "l.csv"}}, samples_per_shard=cut)
        assert (summary.kept, summary.images) == (5, 4)
        made.append((dataset(tmp_path), (tmp_path / "run" / "dataset" / "00000.tar").read_bytes()))
    assert made[0] == made[1] == made[2] and len(texts(tmp_path)) == 4
    assert sorted(texts(tmp_path)[picture(0)]) == ["again 0", "caption 0"]
