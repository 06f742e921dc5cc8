"""The cache is the columns: whatever happens to its files, or to those that it stands for."""

import os
import shutil
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, table_bytes
from curate.manifest import Entry, Manifest
from curate.signal_store import Columns
from curate.subset import know
from pipelines.column_cache import PARTS, ColumnCache
from pipelines.workspace import CACHE
from tests.conftest import samples

WANTED = {"pool": [c.UID, c.OUTCOME], "signals/s": ["score", "label"], "signals/v": ["vector"]}


@pytest.fixture
def run(tmp_path) -> Folder:
    """Five shards of three rows: the last uid is the first, and two images are one."""
    rows = 15
    frame = samples(rows).with_columns(
        pl.Series(c.UID, [f"{i % 14:032x}" for i in range(rows)]),
        pl.Series(c.SHA256, [f"{i // 2:064x}" if i else None for i in range(rows)]),
        pl.Series("score", [None, *range(1, rows)], dtype=pl.Float32),
        pl.Series("label", [f"l{i % 3}" for i in range(rows)]),
        pl.Series("vector", [[float(i), 1.0] for i in range(rows)], dtype=pl.Array(pl.Float16, 2)),
    )
    folder = Folder(str(tmp_path / "run"))
    store(folder, "pool", frame.select(c.UID, c.IMAGE_UID, c.ORIGIN, c.OUTCOME, c.SHA256))
    store(folder, "signals/s", frame.select("score", "label"))
    store(folder, "signals/v", frame.select("vector"))
    return folder


def store(folder: Folder, under: str, frame: pl.DataFrame, per_shard: int = 3) -> None:
    manifest = Manifest(folder, under)
    for number, start in enumerate(range(0, len(frame), per_shard)):
        data = table_bytes(frame[start : start + per_shard].to_arrow(compat_level=pl.CompatLevel.oldest()))
        folder.write(f"{under}/{number:05d}.parquet", data)
        manifest.entries[f"{number:05d}"] = Entry(str(hash(data)), per_shard, {"read": per_shard}, {})
    manifest.save()


def cached(folder: Folder) -> list[Path]:
    return sorted(path for path in Path(folder.path(CACHE)).rglob("*") if path.is_file())


def same(folder: Folder) -> None:
    """The cache says what the shards say."""
    found = ColumnCache(folder).frame(dict(WANTED))
    assert found.equals(Columns(folder).frame(dict(WANTED))) and found.columns == [
        n for w in WANTED.values() for n in w
    ]
    there = know(Columns(folder).frame({"pool": [c.UID, c.ORIGIN, c.OUTCOME, c.SHA256]}))
    known = ColumnCache(folder).known()
    assert all(getattr(known, part).tolist() == getattr(there, part).tolist() for part in PARTS)


def test_a_column_is_written_once_and_read_from_there(run):
    same(run)
    names = [path.name.rsplit("-", 1)[0] for path in cached(run)]
    assert names == ["contents", "outcomes", "repeated", "there", c.OUTCOME, c.UID, "label", "score"]  # and no vectors
    for shard in Path(run.path("signals/s")).glob("*.parquet"):
        shard.unlink()
    assert ColumnCache(run).frame({"signals/s": ["score"]})["score"].to_list()[:3] == [None, 1.0, 2.0]
    assert ColumnCache(run).known().repeated.tolist() == [False] * 14 + [True]


def test_what_changed_is_read_again_and_the_old_files_go(run):
    same(run)
    before = cached(run)
    store(run, "signals/s", pl.DataFrame({"score": [0.5] * 15, "label": ["x"] * 15}))
    same(run)
    after = cached(run)
    assert len(after) == len(before) and len(set(after) & set(before)) == 6  # the pool's are as they were
    store(
        run,
        "pool",
        Columns(run)
        .frame({"pool": [c.UID, c.ORIGIN, c.OUTCOME, c.SHA256]})
        .with_columns(pl.lit("404").alias(c.OUTCOME)),
    )
    same(run)
    assert len(cached(run)) == len(before) and not set(cached(run)) & set(after)


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "other_rows", "folder"])
def test_a_damaged_file_is_made_again(run, harm):
    same(run)
    for path in cached(run):
        data = bytearray(path.read_bytes())
        if harm == "flip":
            data[20] ^= 0x40  # in a page
        elif harm == "other_rows":
            data = bytearray(table_bytes(pa.table({"x": [1, 2]})))
        path.unlink()
        if harm == "folder":
            path.mkdir()
        else:
            path.write_bytes(data[: {"cut": len(data) // 2, "empty": 0}.get(harm, len(data))])
    same(run)
    if harm != "folder":
        assert all(pl.read_parquet(path).height == 15 for path in cached(run))


def test_shards_that_are_missing_or_do_not_fit_are_said_as_without_a_cache(run):
    Path(run.path("signals/s/00003.parquet")).unlink()
    with pytest.raises(InputError, match="no such file"):
        same(run)
    store(run, "signals/s", pl.DataFrame({"score": [0.5] * 15, "label": ["x"] * 15}), 5)
    with pytest.raises(InputError, match="2 of 5 shards are not there yet"):
        same(run)
    store(run, "signals/s", pl.DataFrame({"score": [0.5] * 15, "label": ["x"] * 15}))
    short = pl.DataFrame({"score": [0.5] * 2, "label": ["x"] * 2}).to_arrow(compat_level=pl.CompatLevel.oldest())
    long = pl.DataFrame({"score": [0.5] * 4, "label": ["x"] * 4}).to_arrow(compat_level=pl.CompatLevel.oldest())
    run.write("signals/s/00000.parquet", table_bytes(short))
    run.write("signals/s/00001.parquet", table_bytes(long))  # as many in sum
    with pytest.raises(InputError, match="shard 00000 has"):
        ColumnCache(run).frame({"signals/s": ["score"]})
    assert not list(Path(run.path(CACHE)).rglob(".*"))  # what was begun is gone


def test_where_nothing_can_be_written_the_shards_are_read(run, tmp_path):
    Path(run.path("logs")).write_text("in the way of a folder")
    same(run)
    assert os.path.isfile(run.path("logs"))
    memory = Folder("memory://curate-cache")
    for name in [n for n in run.walk() if not n.startswith("logs")]:
        memory.write(name, run.read(name))
    same(memory)
    assert not memory.exists(CACHE)


def test_a_round_uses_what_is_kept_of_its_runs_pool(run, tmp_path):
    own = run.at("rounds/1", ["pool", "signals/v"])
    shutil.copytree(run.path("signals/s"), own.path("signals/s"))
    same(own)
    assert {path.parent.name for path in cached(run)} == {"pool.columns", "known.columns"}
    assert {path.parent.name for path in cached(Folder(own.root))} == {"signals.s.columns"}
