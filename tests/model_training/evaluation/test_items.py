"""Tables and tars give the same items, and what is not whole is refused with its place."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curate.errors import InputError
from model_training.evaluation.items import batches, data_files, read_items
from tests.conftest import picture
from tests.model_training.evaluation.made import png, table, tar


def without_places(places):
    return [(item.image, item.texts, item.label) for item in read_items(places)]


def test_a_table_and_three_ways_to_write_a_tar(tmp_path):
    images = [picture(0), png(1), picture(2, kind="WEBP")]
    given = table(tmp_path / "t.parquet", images, [["a cat", "one cat"], ["dog"], []], ["cat", "dog", None])
    expected = [(images[0], ("a cat", "one cat"), "cat"), (images[1], ("dog",), "dog"), (images[2], (), None)]
    assert without_places([given]) == expected
    ours = tar(
        tmp_path / "ours.tar",
        [
            ("a.jpg", images[0]),
            ("a.json", {"texts": [{"text": "a cat"}, {"text": "one cat"}], "caption": "no", "label": "cat"}),
            ("a.txt", b"no"),
            ("b.json", {"caption": "dog", "label": "dog"}),
            ("b.png", images[1]),
            ("c.webp", images[2]),
        ],
    )
    lines = tar(
        tmp_path / "lines.tar",
        [
            ("x/0.jpeg", images[0]),
            ("x/0.txt", b"a cat\none cat\n"),
            ("x/0.cls", b"cat\n"),
            ("x/1.png", images[1]),
            ("x/1.json", {"caption": ["dog"]}),
            ("x/1.cls", b"dog"),
            ("x/2.webp", images[2]),
        ],
    )
    assert without_places([ours]) == without_places([lines]) == expected
    keys = [item.key for item in read_items([given, ours, lines])]
    assert keys[0] == f"{given}: row 0" and keys[3] == f"{ours}: a" and keys[-1] == f"{lines}: x/2"
    assert len(set(keys)) == 9


def test_a_single_caption_integer_labels_and_more_than_one_batch_of_rows(tmp_path):
    given = table(tmp_path / "t.parquet", [png(i) for i in range(150)], ["a"] * 149 + [None], list(range(150)))
    items = list(read_items([given]))
    assert [item.label for item in items] == [str(i) for i in range(150)]
    assert items[0].texts == ("a",) and items[149].texts == () and items[149].key == f"{given}: row 149"
    assert items[70].rgb().getpixel((0, 0)) == (70, 0, 7)
    assert [len(part) for part in batches(items, 64)] == [64, 64, 22]


def test_globs_are_sorted_and_a_file_is_read_once(tmp_path):
    paths = [table(tmp_path / f"{name}.parquet", [png(0)]) for name in "ba"]
    assert data_files([f"{tmp_path}/*.parquet", paths[0]]) == sorted(paths)
    assert data_files([paths[0], f"{tmp_path}/*.parquet"]) == paths
    assert data_files([table(tmp_path / "[x].parquet", [png(0)])]) == [f"{tmp_path}/[x].parquet"]


@pytest.mark.parametrize("name", ["none.parquet", "*.tar"])
def test_a_place_without_files_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="there is no such file"):
        next(read_items([str(tmp_path / name)]))


def test_other_kinds_of_file_and_empty_sets_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a")
    with pytest.raises(InputError, match=r"x\.csv: neither a \.parquet nor a \.tar"):
        data_files([str(tmp_path / "x.csv")])
    for empty in (table(tmp_path / "e.parquet", []), tar(tmp_path / "e.tar", [])):
        with pytest.raises(InputError, match=r"e\.(parquet|tar): holds no image"):
            list(read_items([empty]))
    with pytest.raises(InputError, match="data: holds no image"):
        list(read_items([]))


def test_a_damaged_image_names_its_place(tmp_path):
    whole = picture(1)
    given = table(tmp_path / "t.parquet", [whole, whole[: len(whole) // 2]])
    cut = tar(tmp_path / "t.tar", [("k1.jpg", whole), ("k2.jpg", b"no image")])
    assert [item.rgb().size for item in list(read_items([given, cut]))[::2]] == [(256, 240)] * 2
    for item, place in zip(list(read_items([given, cut]))[1::2], [f"{given}: row 1", f"{cut}: k2"], strict=True):
        with pytest.raises(InputError, match="must be whole") as caught:
            item.rgb()
        assert caught.value.message.startswith(f"{place}: ")


def test_damaged_tables(tmp_path):
    pq.write_table(pa.table({"image": [b"x"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: no column 'jpg'; there are 'image'"):
        list(read_items([str(tmp_path / "a.parquet")]))
    with pytest.raises(InputError, match="row 1: 'jpg' holds no image bytes"):
        list(read_items([table(tmp_path / "b.parquet", [png(0), None])]))
    with pytest.raises(InputError, match=r"row 0: 'label' is 1\.5"):
        list(read_items([table(tmp_path / "c.parquet", [png(0)], labels=[1.5])]))
    with pytest.raises(InputError, match="row 0: 'caption' is 3"):
        list(read_items([table(tmp_path / "d.parquet", [png(0)], captions=[3])]))
    (tmp_path / "e.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"e\.parquet: not readable as Parquet"):
        list(read_items([str(tmp_path / "e.parquet")]))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.txt", b"only text")], "a: no image among txt"),
        ([("a.jpg", png(0)), ("b.jpg", png(0)), ("a.txt", b"late")], "members of 'a' do not lie together"),
        ([("a.jpg", png(0)), ("a.json", b"{")], r"a\.json: not readable as JSON"),
        ([("a.jpg", png(0)), ("a.json", b"[1]")], r"a\.json: holds no JSON object"),
        ([("a.jpg", png(0)), ("a.json", {"texts": [{"txt": "x"}]})], r"a\.json: a text that is no string"),
        ([("a.jpg", png(0)), ("a.json", {"caption": 3})], r"a\.json: a text that is no string"),
        ([("a.jpg", png(0)), ("a.txt", b"caf\xe9")], r"a\.txt: not UTF-8 at byte 3"),
        ([("a.jpg", png(0)), ("a.txt", b" " * 1_000_001)], r"a\.txt: 1,000,001 bytes"),
    ],
)
def test_damaged_samples(tmp_path, members, message):
    with pytest.raises(InputError, match=message) as caught:
        list(read_items([tar(tmp_path / "t.tar", members)]))
    assert str(tmp_path / "t.tar") in caught.value.message and caught.value.hint


def test_a_cut_tar(tmp_path):
    path = tar(tmp_path / "t.tar", [("a.jpg", picture(0)), ("b.jpg", picture(1))])
    data = (tmp_path / "t.tar").read_bytes()
    (tmp_path / "t.tar").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="damaged tar at byte"):
        list(read_items([path]))
