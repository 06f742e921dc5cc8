"""Pairs are what webdataset reads, from our tars, others' and tables, near and far; damage is an error."""

import errno
import hashlib
import json
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset as wds

from curate.errors import InputError
from curate.files import Folder
from curate.tars import TarBuilder
from model_training.data import pairs
from model_training.data.captions import Caption
from model_training.data.hold_out import HoldOut
from model_training.data.pairs import read_pairs
from tests.conftest import picture
from tests.model_training.trainers.small import shards


def tar_of(*members):
    tar = TarBuilder()
    for name, data in members:
        tar.add(name, data if isinstance(data, bytes) else json.dumps(data).encode())
    return tar.close()


def said(pair):
    return tuple(caption.text for caption in pair.texts)


def texts_of(tmp_path, *members):
    (tmp_path / "x.tar").write_bytes(tar_of(*members))
    return [said(pair) for pair in read_pairs(str(tmp_path / "x.tar"))]


def test_the_same_as_webdataset_itself(tmp_path):
    place = shards(tmp_path, 1, 5, texts=2)[0]
    expected = [(s["__key__"], s["jpg"]) for s in wds.WebDataset(place, shardshuffle=False)]
    pairs = list(read_pairs(place))
    assert [(pair.key, pair.image) for pair in pairs] == expected
    assert said(pairs[3]) == ("thing number 3, said 0", "thing number 3, said 1")
    assert pairs[3].sha256 == f"{3:064x}"


def test_texts_come_from_where_they_are(tmp_path):
    jpg = picture(0, (20, 20))
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.txt", b"plain")) == [("plain",)]
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.txt", b"plain"), ("a.json", {"caption": "j"})) == [("plain",)]
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.json", {"caption": ["x", " ", "y"]})) == [("x", "y")]
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.txt", b"t"), ("a.json", {"texts": [{"text": "ours"}]})) == [("ours",)]
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.txt", b"t"), ("a.json", b"{not json")) == [("t",)]
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.json", b'{"caption": "half a \\ud83d face"}')) == [("half a ? face",)]


def test_what_lacks_an_image_or_a_text_is_passed_over(tmp_path):
    jpg = picture(0, (20, 20))
    members = [
        ("a.txt", b"no image"),
        ("b.jpg", jpg),
        ("c.jpg", jpg),
        ("c.txt", b" \n"),
        ("d.png", jpg),
        ("d.txt", b"d"),
    ]
    assert texts_of(tmp_path, *members) == [("d",)]
    assert texts_of(tmp_path, ("a.jpg", jpg), ("a.txt", b"t"), ("a.json", {"texts": []})) == []


def test_what_is_known_of_a_text_comes_along(tmp_path):
    listed = [
        {"text": "a", "origin": "web", "scores": {"clip": 0.3, "bad": "x", "none": None}, "uid": "0"},
        {"text": "b", "origin": 3, "scores": [1]},
        "c",
        {"origin": "web"},
    ]
    (tmp_path / "x.tar").write_bytes(tar_of(("a.jpg", picture(0, (20, 20))), ("a.json", {"texts": listed})))
    (pair,) = read_pairs(str(tmp_path / "x.tar"))
    assert pair.texts == (Caption("a", "web", {"clip": 0.3}), Caption("b"), Caption("c"))


def test_others_layouts(tmp_path):
    """img2dataset's, DataComp's and CLIP_benchmark's: folders in keys, other formats, labels, texts and none."""
    jpg, png, webp = picture(0, (20, 20)), picture(1, (20, 20), "PNG"), picture(2, (20, 20), "WEBP")
    about = {"uid": "0" * 32, "url": "http://a/b", "caption": "of the json", "sha256": "ab" * 32, "status": "success"}
    members = [
        ("000000000.json", about),
        ("000000000.jpg", jpg),
        ("000000000.txt", b"of the txt"),
        ("./deep/er/000000001.webp", webp),
        ("./deep/er/000000001.json", {**about, "sha256": None}),
        ("000000002.png", png),
        ("000000002.cls", b"7"),
        ("000000003.seg.png", png),
        ("000000004.JPG", jpg),
        ("000000004.txt", b"shouted"),
    ]
    (tmp_path / "x.tar").write_bytes(tar_of(*members))
    pairs = list(read_pairs(str(tmp_path / "x.tar")))
    assert [(p.key, p.image, said(p), p.sha256) for p in pairs] == [
        ("000000000", jpg, ("of the txt",), "ab" * 32),
        ("./deep/er/000000001", webp, ("of the json",), None),
        ("000000004", jpg, ("shouted",), None),
    ]
    alone = list(read_pairs(str(tmp_path / "x.tar"), texts=False))
    assert [p.key for p in alone] == ["000000000", "./deep/er/000000001", "000000002", "000000004"]
    theirs = wds.WebDataset(str(tmp_path / "x.tar"), shardshuffle=False)
    assert [s["__key__"] for s in theirs if {"jpg", "webp", "png"} & s.keys()] == [p.key for p in alone]


def test_a_file_must_be_what_its_digest_says(tmp_path):
    place = shards(tmp_path, 1, 3)[0]
    table = str(tmp_path / "t.parquet")
    pq.write_table(pa.table({"jpg": [picture(0, (20, 20))], "caption": ["a"]}), table)
    for path in (place, table):
        data = Path(path).read_bytes()
        with fsspec.open(f"memory://digests/{Path(path).name}", "wb") as sink:
            sink.write(data)
        for where in (path, f"memory://digests/{Path(path).name}"):
            right = hashlib.sha256(data).hexdigest()
            assert list(read_pairs(where, digest=right)) == list(read_pairs(where))
            with pytest.raises(InputError, match="not the bytes") as caught:
                list(read_pairs(where, digest="0" * 64))
            assert where in caught.value.message and "curate run" in caught.value.hint


def test_braces_in_a_path_are_only_braces(tmp_path):
    (tmp_path / "{0..3}").mkdir()
    assert len(list(read_pairs(shards(tmp_path / "{0..3}", 1, 2)[0]))) == 2


@pytest.mark.parametrize(
    "damage", [lambda d: d[: len(d) // 2], lambda d: d.rstrip(b"\0"), lambda d: d[:512] + b"x" * 9000]
)
def test_a_damaged_tar_is_an_error(tmp_path, damage):
    place = shards(tmp_path, 1, 4)[0]
    data = Path(place).read_bytes()
    (tmp_path / "bad.tar").write_bytes(damage(data))
    with pytest.raises(InputError, match=r"bad\.tar"):
        list(read_pairs(str(tmp_path / "bad.tar")))


def test_two_members_of_one_name_and_no_file_at_all(tmp_path):
    with pytest.raises(InputError, match="duplicate"):
        texts_of(tmp_path, ("a.jpg", b"1"), ("a.jpg", b"2"))
    for name in ("none.tar", "none.parquet"):
        with pytest.raises(InputError, match="none"):
            list(read_pairs(str(tmp_path / name)))


def test_far_shards_and_tables_are_the_near_ones(tmp_path):
    near = shards(tmp_path, 1, 3)[0]
    table = pa.table({"jpg": [picture(i, (20, 20)) for i in range(3)], "caption": [["a", "b"], [None], ["c"]]})
    pq.write_table(table, tmp_path / "t.parquet")
    for name in ("00000.tar", "t.parquet"):
        with fsspec.open(f"memory://pairs/{name}", "wb") as sink:
            sink.write((tmp_path / name).read_bytes())
    assert list(read_pairs("memory://pairs/00000.tar")) == list(read_pairs(near))
    far = list(read_pairs("memory://pairs/t.parquet"))
    assert far == list(read_pairs(str(tmp_path / "t.parquet")))
    assert [said(pair) for pair in far] == [("a", "b"), ("c",)] and far[0].sha256 is None
    with fsspec.open("memory://pairs/bad.parquet", "wb") as sink:
        sink.write(b"nothing")
    for name in ("none.tar", "none.parquet", "bad.parquet"):
        with pytest.raises(InputError, match=f"memory://pairs/{name}"):
            list(read_pairs(f"memory://pairs/{name}"))


def test_numbers_and_hashes_that_json_can_spell_and_nobody_can_use(tmp_path):
    texts = '[{"text": "a", "scores": {"long": %s, "down": -%s, "inf": 1e999, "true": true, "clip": 1}}]' % (
        ("9" * 400,) * 2
    )
    spelled = [r"\ud83d" + "0" * 63, r"\ud83d", "ab", "", "0" * 65, "g" * 64, "0" * 63 + r"\n", "AB" * 32, "12" * 32]
    members = []
    for i, sha256 in enumerate(spelled):
        about = b'{"sha256": "%s", "texts": %s}' % (sha256.encode(), texts.encode())
        members += [(f"{i}.jpg", picture(0, (20, 20))), (f"{i}.json", about)]
    (tmp_path / "x.tar").write_bytes(tar_of(*members))
    found = list(read_pairs(str(tmp_path / "x.tar")))
    assert [pair.sha256 for pair in found] == [None] * 7 + ["ab" * 32, "12" * 32]
    assert all(pair.texts == (Caption("a", None, {"clip": 1.0}),) for pair in found)
    assert all(HoldOut(0, 2, 0).keeps(pair.sha256) for pair in found[:7])


class Unsteady:
    """A stream that fails at some of its reads, counted over all such streams."""

    def __init__(self, stream, fails, error):
        self.stream, self.fails, self.error = stream, fails, error

    def read(self, *size):
        self.fails.reads += 1
        if self.fails.reads in self.fails.at:
            raise self.error
        return self.stream.read(*size)

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


class Fails:
    def __init__(self, at):
        self.at, self.reads, self.opened = at, 0, 0


@pytest.fixture
def unsteady(monkeypatch):
    """Files fail at the given reads with the given error."""
    opened = Folder.open

    def begin(at, error):
        fails = Fails(at)

        def wrapped(folder, name):
            fails.opened += 1
            return Unsteady(opened(folder, name), fails, error)

        monkeypatch.setattr(Folder, "open", wrapped)
        return fails

    monkeypatch.setattr(pairs, "PAUSES", (0.01, 0.01))
    return begin


@pytest.mark.parametrize("error", [TimeoutError("slow"), ConnectionResetError("gone"), OSError(errno.EIO, "disk")])
@pytest.mark.parametrize("far", [False, True])
def test_a_read_that_fails_for_a_moment_is_made_again(tmp_path, unsteady, error, far):
    place = shards(tmp_path, 1, 5)[0]
    expected = list(read_pairs(place))
    if far:
        with fsspec.open("memory://unsteady/x.tar", "wb") as sink:
            sink.write(Path(place).read_bytes())
        place = "memory://unsteady/x.tar"
    fails = unsteady({1, 2} if far else {9, 40}, error)  # near: in the middle of the tar, twice
    assert list(read_pairs(place)) == expected and fails.opened == 3
    fails = unsteady(range(1, 99), error)
    with pytest.raises(type(error)) as caught:
        list(read_pairs(place))
    assert caught.value is error and fails.opened == 3


@pytest.mark.parametrize("error", [FileNotFoundError("none"), PermissionError(errno.EACCES, "no right")])
def test_what_is_not_there_or_not_for_us_is_asked_once(unsteady, monkeypatch, error):
    with fsspec.open("memory://unsteady/y.tar", "wb") as sink:
        sink.write(b"x")
    fails = unsteady({1}, error)
    with pytest.raises(InputError, match=r"y\.tar"):
        list(read_pairs("memory://unsteady/y.tar"))
    assert fails.opened == 1
