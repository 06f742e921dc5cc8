import pytest

from curate.errors import InputError
from curate.filters.line_file import lines


def test_entries_with_the_lines_they_stand_on(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffone\r\n\r\n# no\r\n  two words # why\r\n".encode())
    assert list(lines(str(path), "")) == [(1, "one"), (4, "two words")]


@pytest.mark.parametrize("data", [None, b"\xff\xfe\x00"])
def test_what_cannot_be_read_says_what_to_check(tmp_path, data):
    path = tmp_path / "list.txt"
    if data:
        path.write_bytes(data)
    with pytest.raises(InputError, match="check it"):
        list(lines(str(path), "check it"))
