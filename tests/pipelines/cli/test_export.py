"""`curate export`: a subset with its copies, from a run's pool or from tars, in DataComp's layout."""

import json
import tarfile

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset as wds
import yaml

from curate.tars import TarBuilder
from curate.uid import UID_DTYPE, pack_uids
from pipelines.recipe import load
from pipelines.run import Runner
from tests.conftest import picture
from tests.pipelines.cli.test_commands import curate, fails, ok

CAPTIONS = [["a red thing", "the same red thing"], ["a blue thing"], ["a green thing"], ["nothing much"], [None]]


def run_of(folder, given, filters=()):
    data = {"name": "t", "run_dir": "run", "input": given, "samples_per_shard": 2, "filters": list(filters)}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**data, "engine": {"kind": "serial"}}))
    Runner(load(folder / "recipe.yaml")).run()
    frames = [pl.read_parquet(path) for path in sorted((folder / "run/pool").glob("*.parquet"))]
    return pl.concat(frames)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Of an image with two texts one is kept twice and one once, of three others two. `shards`: the same as tars."""
    folder = tmp_path_factory.mktemp("export")
    table = {"jpg": [picture(i) for i in range(5)], "caption": pa.array(CAPTIONS, pa.list_(pa.string()))}
    pq.write_table(pa.table(table), folder / "t.parquet")
    pool = run_of(folder, {"table": "t.parquet"})
    uids = dict(zip(pool["caption"], pool["uid"], strict=True))
    wanted = [uids[name] for name in ("a red thing", "a red thing", "the same red thing", "a green thing", None)]
    np.save(folder / "wanted.npy", pack_uids(pl.Series(wanted)))
    run_of(folder, {"table": "t.parquet"}, [{"listed": {"table": "wanted.npy", "copies": True}}])
    (folder / "shards").mkdir()
    for number, rows in enumerate(pool.iter_slices(3)):
        tar = TarBuilder()
        for row in rows.iter_rows(named=True):
            tar.add(f"{row['key']}.jpg", picture(0))
            tar.add(f"{row['key']}.json", json.dumps({"uid": row["uid"]}).encode())
        (folder / f"shards/{number:05d}.tar").write_bytes(tar.close())
    return folder, uids


def members(folder):
    found = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            found |= {name: tar.extractfile(name).read() for name in tar.getnames()}
    return found


def test_a_runs_subset_is_written_with_its_copies_its_texts_and_its_images(run, tmp_path):
    folder, uids = run
    found = json.loads(ok("export", folder / "run", "--to", tmp_path / "out", "--samples-per-shard", 2, "--json"))
    assert (found["output_count"], found["output_shard_count"], found["missing_count"]) == (5, 3, 0)
    made = members(tmp_path / "out")
    keys = {name.partition(".")[0] for name in made}
    red, same, green, silent = (uids[name] for name in ("a red thing", "the same red thing", "a green thing", None))
    assert keys == {f"{red}-0", f"{red}-1", f"{same}-0", f"{green}-0", f"{silent}-0"}
    assert made[f"{red}-1.txt"] == b"a red thing" and made[f"{same}-0.txt"] == b"the same red thing"
    assert made[f"{red}-1.jpg"] == made[f"{same}-0.jpg"] == picture(0) and made[f"{green}-0.jpg"] == picture(2)
    assert json.loads(made[f"{green}-0.json"])["uid"] == green and f"{silent}-0.txt" not in made
    assert json.loads((tmp_path / "out/00000000_stats.json").read_text()) == {"successes": 2}
    subset = np.load(folder / "run/subset.npy")
    assert np.array_equal(np.load(tmp_path / "out/sample_ids.npy"), subset) and len(subset) == 5
    loaded = [s["__key__"] for s in wds.WebDataset(str(tmp_path / "out/00000000.tar"), shardshuffle=False)]
    assert len(loaded) == 2
    text = ok("export", folder / "run", "--to", tmp_path / "out", "--samples-per-shard", 2)
    assert "5 of them were there already" in text


def test_another_list_of_uids_of_a_runs_pool(run, tmp_path):
    folder, uids = run
    pl.DataFrame({"uid": [uids["a blue thing"], "f" * 32]}).write_parquet(tmp_path / "other.parquet")
    done = curate("export", folder / "run", "--subset", tmp_path / "other.parquet", "--to", tmp_path / "out")
    assert "1 samples in 1 shards, of 6 looked at" in done.stdout and "1 uids of the subset are in none" in done.stderr
    assert f"{uids['a blue thing']}-0.txt" in members(tmp_path / "out")


def test_a_pair_that_the_pool_has_twice_is_written_once(tmp_path):
    table = {"jpg": [picture(0), picture(0), picture(1)], "caption": ["a thing", "a thing", "a thing"]}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    pool = run_of(tmp_path, {"table": "t.parquet"})
    assert pool["uid"][0] == pool["uid"][1] != pool["uid"][2]
    np.save(tmp_path / "all.npy", pack_uids(pool["uid"].unique()))
    for given in ((), ("--subset", "all.npy")):
        out = f"out{len(given)}"
        assert json.loads(ok("export", "run", *given, "--to", out, "--json", cwd=tmp_path))["output_count"] == 2
        assert {name for name in members(tmp_path / out) if name.endswith("jpg")} == {f"{u}-0.jpg" for u in pool["uid"]}


def test_a_run_on_tars_of_the_users_own_is_read_in_place(tmp_path):
    tar = TarBuilder()
    for i in range(3):
        tar.add(f"{i}.jpg", picture(i))
        tar.add(f"{i}.txt", b"a text of three words")
    (tmp_path / "mine.tar").write_bytes(tar.close())
    run_of(tmp_path, {"webdataset": "mine.tar"}, [{"where": {"sql": "words > 3"}}])
    ok("export", "run", "--to", "out", cwd=tmp_path)
    images = [data for name, data in members(tmp_path / "out").items() if name.endswith("jpg")]
    assert images == [picture(i) for i in range(3)]
    changed = bytearray((tmp_path / "mine.tar").read_bytes())
    changed[700] ^= 1
    (tmp_path / "mine.tar").write_bytes(changed)
    said = fails(4, "export", "run", "--to", "again", cwd=tmp_path)
    assert "mine.tar: what lies at byte 512 is not the image of" in said and "curate verify" in said


def test_a_subset_of_tars_is_as_the_resharder_makes_it(run, tmp_path):
    folder, uids = run
    out = json.loads(
        ok(
            "export",
            "--subset",
            "wanted.npy",
            "--shards",
            "shards/*.tar",
            "--to",
            tmp_path / "out",
            "--json",
            cwd=folder,
        )
    )
    assert (out["processed_count"], out["output_count"], out["missing_count"]) == (6, 5, 0)
    assert f"{uids['a red thing']}-1.jpg" in members(tmp_path / "out")
    ok(
        "export", "--subset", "wanted.npy", "--shards", "shards", "--to", tmp_path / "out", cwd=folder
    )  # a folder of them


def test_messages_name_the_place_and_the_next_command(run, tmp_path):
    folder, _ = run
    to = ("--to", tmp_path / "out")
    assert "give a run, or --subset FILE --shards TARS" in fails(2, "export", *to)
    assert "give a run" in fails(2, "export", folder / "run", "--shards", "x.tar", *to)
    assert "--shards needs --subset" in fails(2, "export", "--shards", "x.tar", *to)
    assert "--to" in fails(2, "export", folder / "run")
    assert "not a run directory" in fails(4, "export", tmp_path, *to)
    wanted = ("--subset", folder / "wanted.npy")
    said = fails(4, "export", *wanted, "--shards", tmp_path / "*.tar", *to)
    assert "there is no such tar" in said and "--shards 'shards/*.tar'" in said
    assert "none of these is a .tar" in fails(4, "export", *wanted, "--shards", folder / "t.parquet", *to)
    said = fails(4, "export", *wanted, "--shards", folder / "run/pool/*.tar", *to)
    assert "a shard of a run's pool" in said and "curate export RUN" in said
    said = fails(4, "export", folder / "run", "--subset", tmp_path / "none.npy", *to)
    assert "none.npy: not readable as .npy" in said
    np.save(tmp_path / "ints.npy", np.zeros(3, np.int64))
    assert "not a row of `u8,u8`" in fails(4, "export", folder / "run", "--subset", tmp_path / "ints.npy", *to)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    assert "holds other things (thesis.tex)" in fails(7, "export", folder / "run", "--to", tmp_path / "mine")
    assert "lies inside the run" in fails(7, "export", folder / "run", "--to", folder / "run/dataset")
    ok("export", folder / "run", "--to", tmp_path / "done")
    said = fails(7, "export", folder / "run", "--to", tmp_path / "done", "--samples-per-shard", 1)
    assert "an export of other samples, or with other limits" in said


def test_nothing_kept_is_no_shard(run, tmp_path):
    np.save(tmp_path / "none.npy", np.zeros(0, UID_DTYPE))
    out = ok("export", run[0] / "run", "--subset", tmp_path / "none.npy", "--to", tmp_path / "out")
    assert "0 samples in 0 shards" in out and not list((tmp_path / "out").glob("*.tar"))
