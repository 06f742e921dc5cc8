import io
import json
import tarfile

import numpy as np
import polars as pl
import pytest

from curate.errors import InputError
from curate.files import Folder
from curate.reshard import reshard
from curate.tars import TarBuilder
from curate.uid import UID_DTYPE, split_uid
from tests.conftest import picture

U, V, W = (letter * 32 for letter in "abc")


def shard(path, samples, with_json=True):
    tar = TarBuilder()
    for key, uid in samples:
        tar.add(f"{key}.jpg", key.encode() + b"image")
        tar.add(f"{key}.txt", b"text")
        if with_json:
            tar.add(f"{key}.json", json.dumps({"uid": uid, "key": key}).encode())
    path.write_bytes(tar.close())
    return str(path)


def subset(*uids):
    return np.array(split_uid(uids), dtype=UID_DTYPE)


def keys(path):
    with tarfile.open(path) as tar:
        return [name.removesuffix(".jpg") for name in tar.getnames() if name.endswith(".jpg")]


def test_golden_a6_the_subset_uuv_of_shards_with_u_v_w(tmp_path):
    tars = [shard(tmp_path / "00000.tar", [("000", U), ("001", W)]), shard(tmp_path / "00001.tar", [("002", V)])]
    out = tmp_path / "out"
    counts = reshard(tars, subset(U, U, V), Folder(str(out)))
    assert keys(out / "00000000.tar") == [f"{U}-0", f"{U}-1", f"{V}-0"]
    sizes = [json.loads(path.read_text())["successes"] for path in sorted(out.glob("*_stats.json"))]
    assert sum(sizes) == 3 == len(np.load(out / "sample_ids.npy"))
    assert json.loads((out / "sizes.json").read_text()) == {"00000000.tar": 3}
    meta = json.loads((out / "meta.json").read_text())
    assert (meta["processed_count"], meta["output_count"], meta["output_shard_count"]) == (3, 3, 1)
    assert counts.missing_count == 0 and counts.without_uid == 0
    with tarfile.open(out / "00000000.tar") as tar:
        assert tar.extractfile(f"{U}-1.jpg").read() == b"000image"
        assert json.load(tar.extractfile(f"{V}-0.json"))["key"] == "002"


def test_golden_a6_shards_end_at_samples_or_bytes(tmp_path):
    rows = [(f"{i:03d}", f"{i:032x}") for i in range(7)]
    tar, wanted = shard(tmp_path / "0.tar", rows), subset(*(uid for _, uid in rows))
    reshard([tar], wanted, Folder(str(tmp_path / "a")), samples_per_shard=3)
    assert [len(keys(path)) for path in sorted((tmp_path / "a").glob("*.tar"))] == [3, 3, 1]
    reshard([tar], wanted, Folder(str(tmp_path / "b")), bytes_per_shard=100)  # 64 bytes a sample: full with two
    assert [len(keys(path)) for path in sorted((tmp_path / "b").glob("*.tar"))] == [2, 2, 2, 1]
    assert {path.name for path in (tmp_path / "b").glob("00000003*")} == {"00000003.tar", "00000003_stats.json"}


def test_uids_come_from_the_table_beside_the_tar_too(tmp_path):
    tar = shard(tmp_path / "00000.tar", [("0", None), ("1", None), ("2", None)], with_json=False)
    short = "1f"  # DataComp's tables leave leading zeros out
    pl.DataFrame({"key": ["0", "1", "2"], "uid": [U, short, None]}).write_parquet(tmp_path / "00000.parquet")
    counts = reshard([tar], subset(short.zfill(32), U, W), Folder(str(tmp_path / "out")))
    assert keys(tmp_path / "out/00000000.tar") == [f"{U}-0", f"{short.zfill(32)}-0"]
    assert (counts.without_uid, counts.missing_count) == (1, 1)


def test_uids_that_share_their_upper_half_are_told_apart(tmp_path):
    one, two = "a" * 16 + "0" * 16, "a" * 16 + "f" * 16
    tar = shard(tmp_path / "0.tar", [("0", one), ("1", two)])
    reshard([tar], subset(two, two), Folder(str(tmp_path / "out")))
    assert keys(tmp_path / "out/00000000.tar") == [f"{two}-0", f"{two}-1"]


def test_nothing_kept_is_no_shard_and_the_same_input_gives_the_same_bytes(tmp_path):
    tar = tmp_path / "0.tar"
    builder = TarBuilder()
    builder.add("0.jpg", picture(0))
    builder.add("0.json", json.dumps({"uid": U}).encode())
    tar.write_bytes(builder.close())
    assert reshard([str(tar)], subset(W), Folder(str(tmp_path / "none"))).output_shard_count == 0
    for name in "ab":
        reshard([str(tar)], subset(U), Folder(str(tmp_path / name)))
    assert (tmp_path / "a/00000000.tar").read_bytes() == (tmp_path / "b/00000000.tar").read_bytes()


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "0.tar").write_bytes(io.BytesIO(b"x" * 600).getvalue())
    with pytest.raises(InputError, match=r"0\.tar"):
        reshard([str(tmp_path / "0.tar")], subset(U), Folder(str(tmp_path / "out")))
    with pytest.raises(InputError, match="no such tar"):
        reshard([str(tmp_path / "1.tar")], subset(U), Folder(str(tmp_path / "out")))
    with pytest.raises(InputError, match="u8,u8"):
        reshard([], np.zeros(2, np.int64), Folder(str(tmp_path / "out")))
