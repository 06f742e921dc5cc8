import json

import numpy as np
import pytest

from curate.errors import MachineError
from curate.files import Folder
from curate.reshard import Sample, copy_samples
from curate.uid import UID_DTYPE, split_uid

UIDS = [f"{i:032x}" for i in range(1, 12)]
WANTED = np.array(split_uid([uid for uid in UIDS for _ in range(int(uid[-1], 16) % 3)]), UID_DTYPE)


class Stopped(Exception):
    pass


def samples(stop=None, read=None):
    """Two batches; the power goes when the sample `stop` is read."""

    def parts(i):
        if i == stop:
            raise Stopped
        if read is not None:
            read.append(i)
        return {"jpg": bytes([i]) * 40, "txt": b"a"}

    for batch in (range(5), range(5, len(UIDS))):
        yield [Sample(UIDS[i], lambda i=i: parts(i)) for i in batch]


def export(folder, stop=None, read=None, wanted=WANTED, mark="these", limit=3):
    return copy_samples(samples(stop, read), wanted, Folder(str(folder)), mark, samples_per_shard=limit)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("stop", range(len(UIDS)))
def test_law_an_export_that_was_interrupted_anywhere_ends_in_the_same_bytes(tmp_path, stop):
    whole = export(tmp_path / "whole")
    assert whole.output_count == len(WANTED) and whole.passed == 0 and whole.output_shard_count == 4
    try:
        export(tmp_path / "cut", stop)
        stopped = False
    except Stopped:
        stopped = True
        assert not (tmp_path / "cut/meta.json").exists()
    finished = len(list((tmp_path / "cut").glob("*.tar")))
    read: list[int] = []
    again = export(tmp_path / "cut", read=read)
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")
    assert again.passed == (3 * finished if stopped else len(WANTED))
    assert len(read) == len(WANTED) - again.passed  # what is there is not read again


def test_what_is_whole_is_not_made_again_and_what_is_damaged_is(tmp_path):
    first = export(tmp_path)
    before = contents(tmp_path)
    read: list[int] = []
    assert export(tmp_path, read=read).passed == first.output_count and read == []
    for damaged in ("00000001.tar", "00000003_stats.json", "meta.json"):
        (tmp_path / damaged).write_bytes(before[damaged][:-1] + b"x")
        export(tmp_path)
        assert contents(tmp_path) == before
    (tmp_path / "00000002.tar").unlink()
    assert export(tmp_path).passed == 6 and contents(tmp_path) == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    export(tmp_path / "one")
    before = contents(tmp_path / "one")
    for other in ({"mark": "those"}, {"wanted": WANTED[1:]}, {"limit": 4}):
        with pytest.raises(MachineError, match="other samples, or with other limits"):
            export(tmp_path / "one", **other)
    assert contents(tmp_path / "one") == before
    for name in ("thesis.tex", "00000.tar", "00000000.tar"):  # the last: of somebody's own resharder
        folder = tmp_path / f"with-{name}"
        folder.mkdir()
        (folder / name).write_text("years of work")
        (folder / ".attempt-1-x").write_text("of a run that goes on")
        with pytest.raises(MachineError, match=rf"holds other things \({name}\)"):
            export(folder)
        assert contents(folder) == {name: b"years of work", ".attempt-1-x": b"of a run that goes on"}


def test_the_manifest_names_every_file_and_its_sha256(tmp_path):
    export(tmp_path)
    shards = json.loads((tmp_path / "manifest.json").read_text())["shards"]
    named = {base for entry in shards.values() for base in entry["files"]}
    assert named | {"manifest.json"} == {path.name for path in tmp_path.iterdir()}
    assert len(shards) == 5
