"""WARC and WAT files: every page of a whole one, and of a damaged one every page that is whole."""

import gzip
import io
import random
import re
import zlib

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from pipelines.extract.members import opened
from pipelines.extract.rows import MAX_PAGE, Counts
from pipelines.extract.sources import Options, Source
from pipelines.extract.warc import MAX_BLOCK, Archive
from tests.pipelines.extract.pages import PAGES, answer, as_stream, members, record, warc_records, wat_record


def read(data: bytes, options: Options | None = None, path: str = "x.warc.gz") -> tuple[list, Source]:
    source = Source(path, io.BytesIO(data), options or Options())
    return [row for rows in source for row in rows], source


def page(number: int, body: bytes | None = None, **headers: str) -> bytes:
    content = b"<html><body><img src=i.jpg alt='of page %d'>" % number if body is None else body
    fields = {"Content-Type": "text/html", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return record(f"http://p.example/{number}/", answer(content, fields))


def numbers(rows: list) -> list[int]:
    return [int(row.caption.removeprefix("of page ")) for row in rows]


@pytest.mark.parametrize("packed", [False, True, "as one"])
def test_a_whole_file_gives_every_row_of_every_page(packed):
    records = warc_records()
    data = b"".join(members(records) if packed is True else records)
    rows, source = read(gzip.compress(data, mtime=0) if packed == "as one" else data)
    assert rows == [row for page in PAGES for row in page.rows]
    # warcinfo, six requests, a picture and a 404 are no pages
    assert source.trouble is None and source.counts.pages == 6 and source.counts.skipped == 9
    assert source.counts.images == sum(p.images for p in PAGES)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=6), st.booleans())
def test_blocks_are_those_that_warcio_reads(bodies, packed):
    records = [record(f"http://a.example/{i}", body, "resource", "text/html") for i, body in enumerate(bodies)]
    data = b"".join(members(records) if packed else records)
    archive = Archive(opened(io.BytesIO(data)))
    ours = [(found.fields["warc-target-uri"], found.block) for found in archive]
    theirs = [
        (found.rec_headers.get_header("WARC-Target-URI"), found.content_stream().read())
        for found in (ArchiveIterator(io.BytesIO(data)) if data else ())
    ]
    assert ours == theirs and archive.damaged == 0 and not archive.truncated


def test_a_damaged_member_costs_its_own_page_and_no_other():
    found = members(
        [
            page(i, b"<html><img src=i.jpg alt='of page %d'>%s" % (i, random.Random(i).randbytes(400).hex().encode()))
            for i in range(8)
        ]
    )
    for at in (0, 1, 60, 200, len(found[3]) - 6):
        hurt = bytearray(found[3])
        hurt[at] ^= 0x55
        rows, source = read(b"".join([*found[:3], bytes(hurt), *found[4:]]))
        assert numbers(rows) == [0, 1, 2, 4, 5, 6, 7], at
        assert source.counts.damaged == 1 and source.trouble == "damaged at 1 places"
    rows, source = read(b"".join([*found[:3], b"garbage" * 50, *found[3:], b"\0" * 100]))
    assert numbers(rows) == list(range(8)) and source.counts.damaged == 1
    rows, source = read(b"".join([found[0][:50], *found[1:]]))
    assert numbers(rows) == list(range(1, 8))


def test_a_page_counts_only_when_gzip_has_proved_its_bytes():
    large = b"<html><img src=i.jpg alt='of page 1'>" + random.Random(1).randbytes(300_000).hex().encode()
    found = members([page(0), page(1, large), page(2)])
    assert numbers(read(b"".join(found))[0]) == [0, 1, 2]
    hurt = bytearray(found[1])
    hurt[-7] ^= 1  # in the checksum, behind all of the page
    rows, source = read(b"".join([found[0], bytes(hurt), found[2]]))
    assert numbers(rows) == [0, 2] and source.counts.damaged == 1
    rows, source = read(b"".join([found[0], found[1][:-4]]))
    assert numbers(rows) == [0] and source.trouble == "its end is missing"


def test_the_first_member_may_be_the_damaged_one():
    found = members([page(i) for i in range(3)])
    rows, source = read(b"".join([found[0][:20] + b"xx" + found[0][22:], *found[1:]]))
    assert numbers(rows) == [1, 2] and source.counts.damaged == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_breaks_off_says_so(packed):
    records = [page(i) for i in range(4)]
    data = b"".join(members(records) if packed else records)
    for cut in (30, 90):
        rows, source = read(data[:-cut])
        assert numbers(rows) == [0, 1, 2]
        assert source.trouble == "its end is missing" and source.counts.damaged == 1


def test_damage_in_a_plain_file():
    whole = [page(i) for i in range(5)]
    for old, new, lost in (
        (b"WARC/1.0", b"XARC/1.0", {2}),
        (b"Content-Length: ", b"Content-Length: 1", {2}),
        (b"Content-Length: ", b"Content-Length: x", {2}),
        (b"Content-Length: ", b"Content-Lengthy: ", {2}),
        (b"WARC-Type: response", b"WARC-Type: \xff\xfe\0", {2}),
    ):
        hurt = [*whole[:2], whole[2].replace(old, new, 1), *whole[3:]]
        rows, source = read(b"".join(hurt))
        assert set(range(5)) - set(numbers(rows)) <= lost, new
        assert source.counts.damaged + source.counts.skipped == 1, new
    short = re.sub(rb"Content-Length: \d+", b"Content-Length: 80", whole[2], count=1)
    rows, source = read(b"".join([*whole[:2], short, *whole[3:]]))
    assert numbers(rows) == [0, 1, 3, 4] and source.counts.damaged == 1


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_is_survived(data):
    records = [page(i) for i in range(4)]
    whole = bytearray(b"".join(members(records) if data.draw(st.booleans()) else records))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20))
    rows, source = read(bytes(whole))
    counts = source.counts
    assert counts.images == len(rows) + counts.no_alt + counts.bad_url


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"WARC/1.0\r\n", b"\x1f\x8b\x08", b"<html>", b"WARC/1.0\r\nContent-Length: 9\r\n\r\n"]),
)
def test_any_bytes_are_a_file(data, start):
    read(start + data)


BODY = b"<html><img src=i.jpg alt='of page 0'>" + b"x" * 500


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(body) + engine.flush()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(BODY, mtime=0), {"Content_Encoding": "gzip"}),
        (gzip.compress(BODY, mtime=0), {"Content_Encoding": "x-gzip"}),
        (zlib.compress(BODY), {"Content_Encoding": "deflate"}),
        (raw_deflate(BODY), {"Content_Encoding": "deflate"}),
        (brotli.compress(BODY), {"Content_Encoding": "br"}),
        (brotli.compress(gzip.compress(BODY, mtime=0)), {"Content_Encoding": "gzip, br"}),
        (chunked(BODY), {"Transfer_Encoding": "chunked"}),
        (chunked(gzip.compress(BODY, mtime=0)), {"Transfer_Encoding": "chunked", "Content_Encoding": "gzip"}),
        (gzip.compress(BODY, mtime=0)[:-9], {"Content_Encoding": "gzip"}),
        (
            gzip.compress(random.Random(0).randbytes(3000).hex().encode().join([BODY, b""]), mtime=0)[:-60]
            + b"\xff" * 60,
            {"Content_Encoding": "gzip"},
        ),
        (chunked(BODY)[:-40], {"Transfer_Encoding": "chunked"}),
        (BODY, {"Content_Encoding": "gzip"}),
        (BODY, {"Content_Encoding": "br", "Transfer_Encoding": "chunked"}),
        (BODY, {"Content_Encoding": "zstd"}),
        (BODY, {"Content_Type": ""}),
        (BODY, {"Content_Type": "application/octet-stream"}),
    ],
)
def test_encodings_are_undone_also_where_the_header_lies(body, headers):
    rows, source = read(page(0, body, **headers))
    assert numbers(rows) == [0] and source.counts.damaged == 0


def test_bombs_and_giants_cost_their_record_only():
    bomb = b"\0" * (MAX_PAGE + 1)
    giants = [
        page(1, gzip.compress(bomb, mtime=0), Content_Encoding="gzip"),
        page(2, gzip.compress(gzip.compress(bomb, mtime=0)), Content_Encoding="gzip, gzip"),
        page(3, brotli.compress(bomb, quality=1), Content_Encoding="br"),
        page(4, zlib.compress(bomb), Content_Encoding="deflate"),
        page(5, b"<html>" + b" " * MAX_BLOCK),
    ]
    rows, source = read(b"".join([page(0), *giants, page(6)]))
    assert numbers(rows) == [0, 6] and source.counts.too_large == 5
    rows, source = read(b"".join(members([page(0), giants[4], page(6)])))
    assert numbers(rows) == [0, 6] and source.counts == Counts(pages=2, images=2, too_large=1)


def test_what_is_no_page_is_skipped_and_what_cannot_be_undone_is_damaged():
    odd = [
        (page(1, b"\xff\xd8\xff", Content_Type="text/html"), "skipped"),
        (page(1, BODY, Content_Type="image/png"), "skipped"),
        (page(1, b"plain words", Content_Type="text/plain"), "skipped"),
        (record("dns:x.example", answer(BODY)), "skipped"),
        (record("http://x.example/", b"20240101 1.2.3.4", "response", "text/dns"), "skipped"),
        (record("http://x.example/", b"", "revisit", "application/http; msgtype=response"), "skipped"),
        (page(1, b"\x28\xb5\x2f\xfd..", Content_Encoding="zstd"), "damaged"),
        (page(1, b"\xff" * 50, Content_Encoding="br"), "damaged"),
        (page(1, b"\x1f\x8b\x08\xff\xff\xff", Content_Encoding="gzip"), "damaged"),
        (page(1, BODY, Content_Encoding="gzip, gzip, gzip, gzip"), "damaged"),
        (record("http://x.example/", b"no header"), "damaged"),
        (record("http://x.example/", b"{no json", "metadata", "application/json"), "damaged"),
        (record("http://x.example/", b"[" * 100_000, "metadata", "application/json"), "damaged"),
        (record("http://x.example/", b"[1]", "metadata", "application/json"), "skipped"),
    ]
    for data, cause in odd:
        rows, source = read(data + page(7))
        assert numbers(rows) == [7] and getattr(source.counts, cause) == 1, (data, source.counts)
    resource = record("<http://p.example/>", BODY, "resource", "text/html; charset=utf-8")
    assert read(resource)[0][0].url == "http://p.example/i.jpg"


def test_wat_records_give_the_images_that_cc2dataset_takes():
    links = [
        {"path": "IMG@/src", "url": "/a.jpg", "alt": "A &amp; B  c"},
        {"path": "IMG@/src", "url": "b.jpg?x=1&amp;y=2", "alt": "b"},
        {"path": "IMG@/src", "url": "c.jpg"},
        {"path": "IMG@/src", "url": "data:image/png;base64,", "alt": "d"},
        {"path": "A@/href", "url": "/e.jpg", "alt": "no image"},
        {"path": "IMG@/src", "alt": "no url"},
        {"path": "IMG@/src", "url": 7, "alt": ["x"]},
        "no object",
    ]
    head = {
        "Title": " Our&nbsp;shop ",
        "Base": "//cdn.example/w/",
        "Metas": [{"http-equiv": "content-language", "content": "NL"}],
    }
    whole = wat_record("http://w.example/p/", {"Head": head, "Links": links})
    bare = wat_record("https://v.example/p/q", {"Links": [links[1]]}, {"content-language": "sv-SE"})
    rows, source = read(whole + wat_record("http://x.example/a.jpg", None) + bare, path="x.warc.wat.gz")
    assert [tuple(row) for row in rows] == [
        ("http://cdn.example/a.jpg", "A & B c", "Our shop", "http://w.example/p/", "nl"),
        ("http://cdn.example/w/b.jpg?x=1&y=2", "b", "Our shop", "http://w.example/p/", "nl"),
        ("https://v.example/p/b.jpg?x=1&y=2", "b", None, "https://v.example/p/q", "sv"),
    ]
    assert source.counts == Counts(pages=2, images=7, no_alt=2, bad_url=2, skipped=1)


def test_a_page_that_is_a_file():
    body = b"<!DOCTYPE html><img src=a.jpg alt=x>"
    options = Options(page="http://a.example/p/")
    for data, path in (
        (body, "a.html"),
        (gzip.compress(body, mtime=0), "a.html.gz"),
        (body, "no-ending"),
        (body[15:], "a.htm"),
    ):
        rows, source = read(data, options, path)
        assert [row.url for row in rows] == ["http://a.example/p/a.jpg"] and source.trouble is None
    for data, trouble in (
        (b"", "empty"),
        (b"%PDF-1.7 ...", "neither WARC nor WAT nor HTML"),
        (b"<html>" + b" " * MAX_PAGE, "larger than 10 MB"),
        (gzip.compress(b"<html>" + random.Random(0).randbytes(400_000).hex().encode())[:-20_000], "damaged"),
        (gzip.compress(b"<html>" + b" " * 5 * MAX_PAGE, mtime=0), "larger than 10 MB"),
    ):
        rows, source = read(data, options, "x")
        assert not rows and source.trouble == trouble, data[:20]


def test_a_stream_of_small_reads_is_the_same_file():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 7) if size > 0 else 7)

    data = as_stream(*members(warc_records())).getvalue()
    source = Source("x", Slow(data), Options())
    assert [row for rows in source for row in rows] == read(data)[0]
