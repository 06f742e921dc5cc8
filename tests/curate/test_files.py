import os

import pyarrow as pa
import pytest

from curate.errors import InputError, MachineError
from curate.files import Folder, canonical_json, parse_table, table_bytes
from curate.manifest import Entry, Manifest


@pytest.mark.parametrize("root", ["local", "memory://files"])
def test_a_file_is_staged_then_published(tmp_path, root):
    folder = Folder(str(tmp_path) if root == "local" else root)
    staged = folder.stage("a/b.bin", "7", b"new")
    assert not folder.exists("a/b.bin") and folder.names("a") == [".attempt-7-b.bin"]
    folder.publish(staged, "a/b.bin")
    assert folder.read("a/b.bin") == b"new" and folder.names("a") == ["b.bin"]
    folder.stage("a/c.bin", "8", b"left by a broken attempt")
    folder.sweep("a")
    assert folder.names("a") == ["b.bin"]
    folder.remove("a/b.bin")
    folder.remove("a/b.bin")
    assert not folder.exists("a/b.bin")
    with pytest.raises(InputError, match=r"a/b\.bin: there is no such file"):
        folder.read("a/b.bin")


def test_most_flipped_bits_of_a_table_are_noticed():
    data = table_bytes(pa.table({"x": list(range(5000))}))
    silent = 0
    for bit in range(0, len(data) * 8, max(1, len(data) * 8 // 200)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            silent += parse_table(bytes(damaged)).column(0).to_pylist() != list(range(5000))
        except (pa.ArrowException, OSError):
            continue
    assert silent == 0


def test_every_flipped_bit_is_noticed_by_the_manifest(tmp_path):
    folder = Folder(str(tmp_path))
    folder.write("pool/0.bin", b"content")
    record = {"0.bin": {"sha256": folder.sha256("pool/0.bin"), "bytes": 7}}
    manifest = Manifest(folder, "pool", {"0": Entry("f", 2, {"ok": 2}, record)})
    manifest.save()
    assert Manifest.load(folder, "pool").damage("0") is None
    for bit in range(7 * 8):
        data = bytearray(b"content")
        data[bit // 8] ^= 1 << bit % 8
        folder.write("pool/0.bin", bytes(data))
        assert "not the bytes" in (manifest.damage("0") or "")
    folder.write("pool/0.bin", b"cut")
    assert "not the size" in (manifest.damage("0") or "")
    folder.remove("pool/0.bin")
    assert "missing" in (manifest.damage("0") or "")


def test_a_damaged_manifest_is_named_with_the_remedy(tmp_path):
    folder = Folder(str(tmp_path))
    for content in (b"", b"{", b"[]", b'{"shards": {"0": {"rows": 1}}}', b"\xff"):
        folder.write("pool/manifest.json", content)
        with pytest.raises(InputError, match=r"pool/manifest\.json: not a manifest") as error:
            Manifest.load(folder, "pool")
        assert "remove the file" in error.value.hint


def test_states_that_do_not_sum_are_damage(tmp_path):
    manifest = Manifest(Folder(str(tmp_path)), "pool", {"0": Entry("f", 3, {"ok": 2}, {})})
    assert "do not sum" in (manifest.damage("0") or "")


def test_a_full_disk_names_the_place(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MachineError, match="disk is full") as error:
        Folder(str(tmp_path)).write("a.bin", b"x" * 100)
    assert error.value.exit_code == 7 and "a.bin" in error.value.message


def test_canonical_json_has_one_form():
    assert (
        canonical_json({"b": 1, "a": "é"})
        == canonical_json({"a": "é", "b": 1})
        == '{\n "a": "é",\n "b": 1\n}\n'.encode()
    )
