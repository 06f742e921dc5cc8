"""Shards are found however open_clip's users write them, near and far, and never by running a command."""

import fsspec
import pytest

from curate.errors import InputError
from model_training.data.shards import shard_files


@pytest.fixture
def folder(tmp_path):
    for name in ("00000.tar", "00001.tar", "00010.tar", "00000.parquet", "00000_stats.json", "odd{1}[x].tar"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def names(folder, *places):
    return [path.removeprefix(f"{folder}/") for path in shard_files([f"{folder}/{place}" for place in places])]


def test_braces_globs_and_names(folder):
    assert names(folder, "{00000..00001}.tar") == ["00000.tar", "00001.tar"]
    assert names(folder, "0000{1,0}.{tar,tar}") == ["00000.tar", "00001.tar"]
    assert names(folder, "000?0.tar", "00010.tar") == ["00000.tar", "00010.tar"]
    assert names(folder, "00001.tar", "00000.tar") == ["00000.tar", "00001.tar"]
    assert names(folder, "odd{1}[x].tar") == ["odd{1}[x].tar"], "a file's own name is no pattern"


def test_a_folder_is_its_tars_datacomps_shards_or_its_tables(folder, tmp_path):
    assert names(folder, "") == ["00000.tar", "00001.tar", "00010.tar", "odd{1}[x].tar"]
    pool = tmp_path / "datacomp"
    (pool / "shards").mkdir(parents=True)
    (pool / "metadata").mkdir()
    (pool / "metadata" / "0.parquet").write_bytes(b"")
    (pool / "shards" / "00000000.tar").write_bytes(b"")
    assert shard_files([str(pool)]) == [f"{pool}/shards/00000000.tar"]
    assert shard_files([f"{pool}/metadata"]) == [f"{pool}/metadata/0.parquet"]


def test_far_ones_are_found_as_near_ones():
    for name in ("0.tar", "1.tar", "2.parquet"):
        with fsspec.open(f"memory://far/shards/{name}", "wb") as sink:
            sink.write(b"")
    tars = [f"memory:///far/shards/{i}.tar" for i in (0, 1)]
    assert shard_files(["memory://far"]) == shard_files(["memory://far/shards"]) == tars
    assert shard_files(["memory://far/shards/*.tar"]) == tars
    assert shard_files(["memory://far/shards/{0..1}.tar"]) == [tar.replace(":///", "://") for tar in tars]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("pipe:aws s3 cp s3://a/0.tar -", "a command is not run"),
        ("none.tar", "no such shard"),
        ("{00000..00002}.tar", "00002.tar: there is no such shard"),
        ("*.npy", "no such shard"),
        ("*.json", "neither a .tar nor a .parquet"),
        ("memory://nowhere", "no such shard"),
        ("nosuch://bucket/x.tar", "cannot be listed"),
    ],
)
def test_what_names_no_shard_is_an_error(folder, place, said):
    with pytest.raises(InputError, match=said):
        shard_files([place if ":" in place else f"{folder}/{place}"])
