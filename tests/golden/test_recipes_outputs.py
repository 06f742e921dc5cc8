"""RECIPES D3: what was written, read again: every kept uid as often as it is wanted, a sorted list, sums that agree."""

import json
import tarfile
from collections import Counter

import numpy as np
import polars as pl
import pytest

from curate.files import Folder
from curate.reshard import reshard
from curate.tars import TarBuilder
from curate.uid import hex_uids, pack_uids
from pipelines.run import Runner
from tests.pipelines.web import recipe, small_site


def members(path):
    with tarfile.open(path) as tar:
        return {name: tar.extractfile(name).read() for name in tar.getnames()}


def is_sorted(uids):
    return uids.tolist() == sorted(uids.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_golden_d3_reshard_gives_every_uid_with_its_multiplicity_and_successes_sum_to_the_rows(tmp_path, seed):
    rng = np.random.default_rng(seed)
    uids = [f"{value:032x}" for value in rng.integers(0, 2**63, 60)]
    tars = []
    for number in range(4):
        tar = TarBuilder()
        for i in range(number * 15, number * 15 + 15):
            tar.add(f"{i:09d}.jpg", f"image {i}".encode())
            tar.add(f"{i:09d}.json", json.dumps({"uid": uids[i]}).encode())
        (tmp_path / f"{number:05d}.tar").write_bytes(tar.close())
        tars.append(str(tmp_path / f"{number:05d}.tar"))
    wanted = {uid: int(copies) for uid, copies in zip(uids, rng.integers(0, 4, 60), strict=True) if copies}
    subset = pack_uids(pl.Series(rng.permutation([uid for uid, copies in wanted.items() for _ in range(copies)])))
    reshard(tars, subset, Folder(str(tmp_path / "out")), samples_per_shard=7)
    read: Counter[str] = Counter()
    for path in sorted((tmp_path / "out").glob("*.tar")):
        found = members(path)
        images = [name for name in found if name.endswith(".jpg")]
        stats = json.loads(path.with_name(f"{path.stem}_stats.json").read_text())
        assert stats["successes"] == len(images)
        for name in images:
            uid, copy = name.removesuffix(".jpg").split("-")
            assert int(copy) < wanted[uid] and found[name] == f"image {uids.index(uid)}".encode()
            read[uid] += 1
    assert dict(read) == wanted and sum(read.values()) == len(subset)
    written = np.load(tmp_path / "out/sample_ids.npy")
    assert is_sorted(written) and Counter(hex_uids(written)) == wanted


def test_golden_d3_a_runs_subset_is_sorted_and_its_tars_hold_every_kept_uid_once(tmp_path):
    with small_site(10) as site:
        summary = Runner(recipe(tmp_path, site)).run()
    run = tmp_path / "run"
    table = pl.read_parquet(run / "subset.parquet").filter("keep")
    subset = np.load(run / "subset.npy")
    assert is_sorted(subset) and Counter(hex_uids(subset)) == Counter(table["uid"]) and len(subset) == summary.kept
    in_tars: Counter[str] = Counter()
    images = rows = 0
    for path in sorted((run / "dataset").glob("*.tar")):
        found = members(path)
        for name, data in found.items():
            if name.endswith(".json"):
                told = json.loads(data)["texts"]
                in_tars.update(text["uid"] for text in (json.loads(told) if isinstance(told, str) else told))
        images += sum(name.endswith((".jpg", ".png", ".webp")) for name in found)
        rows += pl.read_parquet(path.with_suffix(".parquet")).height
    assert in_tars == Counter(table["uid"]) and set(in_tars.values()) == {1}
    assert images == rows == summary.images == table["image_uid"].n_unique() > 0
