import polars as pl
import pytest

from curate import schema as c
from curate.errors import InputError
from curate.filters.blocklist import Blocklist
from curate.subset import decide
from tests.conftest import samples


def keeps(tmp_path, text, columns, **parameters):
    (name,) = [key for key, value in parameters.items() if value is None]
    path = tmp_path / "list.txt"
    path.write_text(text)
    frame = samples(len(next(iter(columns.values())))).with_columns(**columns)
    item = Blocklist(**{**parameters, name: str(path)})
    return decide(frame, [item], {}).table.column(c.REASON).to_pylist()


URLS = {
    "http://example.com/a.jpg": True,
    "https://img.EXAMPLE.com.:8080/a.jpg": True,
    "http://myexample.com/a.jpg": False,
    "http://example.com.evil.org/a.jpg": False,
    "http://good.org/?u=http://example.com/": False,
    "http://example.com@good.org/a.jpg": False,
    "http://good.org@example.com/a.jpg": True,
    "http://example.com\\@good.org/a.jpg": True,
    "http://www.bücher.example/a.jpg": True,
    "http://xn--bcher-kva.example/a.jpg": True,
    "http://10.0.0.7/a.jpg": True,
    "http://110.0.0.7/a.jpg": False,
    "//example.com/a.jpg": False,  # no scheme, so no URL that was fetched
    "": False,
    None: False,
}


def test_a_domain_blocks_what_is_below_it_and_nothing_else(tmp_path):
    urls = pl.Series(list(URLS), dtype=pl.String)
    found = keeps(tmp_path, "# ads\n*.Example.com\nBücher.example\n10.0.0.7\n", {c.URL: urls}, domains=None)
    assert found == ["blocklist.domains" if blocked else None for blocked in URLS.values()]


def test_bytes_by_their_hash(tmp_path):
    hashes = pl.Series(["ab" * 32, "cd" * 32, None])
    found = keeps(tmp_path, f"{'AB' * 32} # this one\n", {c.SHA256: hashes}, sha256=None)
    assert found == ["blocklist.sha256", None, "blocklist.sha256:null"]


@pytest.mark.parametrize(("distance", "blocked"), [(0, [1, 0, 0]), (1, [1, 1, 0]), (2, [1, 1, 1])])
def test_pictures_by_their_hash_and_what_is_near(tmp_path, distance, blocked):
    hashes = pl.Series([0xFF00, 0xFF01, 0xFF03, None], dtype=pl.UInt64)
    found = keeps(tmp_path, "000000000000ff00\n", {c.PHASH: hashes}, phash=None, max_distance=distance)
    assert found == [*("blocklist.phash" if one else None for one in blocked), "blocklist.phash:null"]


def test_what_is_no_hash_is_named_with_its_line(tmp_path):
    with pytest.raises(InputError, match=r"list\.txt:2: not 64 hex digits: 'abc'"):
        keeps(tmp_path, f"{'ab' * 32}\nabc\n", {c.SHA256: pl.Series(["a"])}, sha256=None)
    with pytest.raises(ValueError, match="at least one"):
        Blocklist()


def test_only_what_is_listed_is_read(tmp_path):
    assert Blocklist(domains="x", phash="y").reads() == {c.URL, c.PHASH}
    with pytest.raises(InputError):
        Blocklist(domains=str(tmp_path / "none.txt")).identity()
