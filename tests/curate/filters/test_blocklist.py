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


@pytest.mark.parametrize(
    "entry",
    ["https://spam.example/", "https://spam.example", "HTTP://me@Spam.example:80/", "spam.example:80", "spam.example/",
     "*.spam.example", "spam.example."],
)  # fmt: skip
def test_of_an_address_the_host_counts(tmp_path, entry):
    urls = pl.Series(["http://spam.example/a.jpg", "http://a.spam.example/", "http://good.example/spam.example"])
    found = keeps(tmp_path, f"{entry}\n", {c.URL: urls}, domains=None)
    assert found == ["blocklist.domains", "blocklist.domains", None]


def test_an_address_of_numbers_counts_too(tmp_path):
    urls = pl.Series(["http://[2001:DB8::1]:80/a.jpg", "http://10.0.0.7/", "http://[2001:db8::2]/"])
    found = keeps(tmp_path, "http://[2001:db8::1]/\n10.0.0.7:8080\n", {c.URL: urls}, domains=None)
    assert found == ["blocklist.domains", "blocklist.domains", None]


@pytest.mark.parametrize(
    "entry",
    ["spam.example/x", "https://spam.example/x", "https://spam.example/?q", "0.0.0.0 spam.example", "||spam.example^",
     "a,b.example", "spam..example", "*", ".", "a.*.example", "spam.example:http", "//spam.example", "https://", "::1"],
)  # fmt: skip
def test_what_is_no_host_is_named_with_its_line(tmp_path, entry):
    with pytest.raises(InputError, match=r"list\.txt:3: not a host, such as spam\.example: ") as error:
        keeps(tmp_path, f"# ads\ngood.example\n{entry}\n", {c.URL: pl.Series(["http://a.example/"])}, domains=None)
    assert entry in str(error.value) and error.value.hint == "check `domains` of the filter blocklist"
