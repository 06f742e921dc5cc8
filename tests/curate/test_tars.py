import io
import tarfile

import pytest

from curate.errors import InputError
from curate.tars import TarBuilder, index, split_key


def build(members):
    tar = TarBuilder()
    made = [tar.add(name, data) for name, data in members]
    return tar.close(), made


MEMBERS = [("a.jpg", b"x" * 700), ("a.txt", b""), ("b.jpg", b"y" * 512)]


def test_same_members_same_bytes_and_offsets_point_at_the_data():
    data, made = build(MEMBERS)
    assert data == build(MEMBERS)[0]
    for member, (name, content) in zip(made, MEMBERS, strict=True):
        assert member.name == name and data[member.offset : member.offset + member.size] == content
    assert list(index(io.BytesIO(data), "t")) == made


def test_the_standard_library_reads_it_and_it_holds_no_time_or_owner():
    data, _ = build(MEMBERS)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        infos = tar.getmembers()
        assert [tar.extractfile(i).read() for i in infos] == [content for _, content in MEMBERS]
    assert {(i.mtime, i.uid, i.gid, i.uname, i.gname) for i in infos} == {(0, 0, 0, "", "")}


def test_a_tar_that_is_cut_is_an_error_wherever_it_is_cut():
    data, made = build(MEMBERS)
    end = made[-1].offset + 512  # behind it there are only zeros
    for cut in range(0, end, 512):
        with pytest.raises(InputError, match="damaged tar"):
            list(index(io.BytesIO(data[:cut]), "t"))


def test_a_header_with_a_flipped_bit_is_an_error():
    data, made = build(MEMBERS)
    for member in made:
        damaged = bytearray(data)
        damaged[member.offset - 512 + 3] ^= 4
        with pytest.raises(InputError, match="damaged tar"):
            list(index(io.BytesIO(bytes(damaged)), "t"))


def test_keys_end_at_the_first_dot_of_the_base_name():
    assert split_key("a/b.c/d.seg.PNG") == ("a/b.c/d", "seg.png")
