"""URL lists as people have them: rows read, rows that are bad with their line, or the list refused by its name."""

import gzip
import json
import tempfile
from pathlib import Path

import pyarrow as pa

from curate import schema as c
from curate.errors import CurateError
from pipelines.inputs import urls
from pipelines.inputs.rows import tables
from pipelines.recipe import Input
from tests.hostile import tables_of_text
from tests.hostile.cases import Case, Facts, distinct
from tests.hostile.tables_of_text import HEAD, ONE, TWO, A, B, csv, jsonl, parquet, reads, refuses

JSON = [
    reads("jsonl", jsonl({"url": A, "caption": "one"}, {"url": B, "caption": "two"}), TWO),
    reads(
        "jsonl with lines that are none",
        {"l.jsonl": b'{"url": "http://a.test/1.jpg", "caption": "one"}\nnot json\n[1]\n"x"\nnull\n{"url":\n'},
        ONE,
        bad=("line 2", "line 3", "line 4", "line 5", "line 6"),
    ),
    reads(
        "jsonl, null and missing urls",
        jsonl({"url": None}, {}, {"url": ""}, {"url": A, "caption": "one"}),
        ONE,
        bad=("line 1", "line 2", "line 3"),
    ),
    reads("jsonl, null caption", jsonl({"url": A, "caption": None}), [(A, None)]),
    reads("jsonl, a number as caption", jsonl({"url": A, "caption": 2**60 + 1}), [(A, str(2**60 + 1))]),
    reads("jsonl, half a character and NUL", jsonl({"url": A, "caption": "a\ud800b\0c"}), [(A, "a\ufffdb\ufffdc")]),
    reads(
        "jsonl, more columns in one line",
        jsonl({"url": A, "caption": "one"}, {"url": B, "caption": "two", "more": {"x": [1]}}),
        TWO,
    ),
    reads(
        "jsonl, a column of two types",
        jsonl({"url": A, "caption": "one", "id": 1}, {"url": B, "caption": "two", "id": "x"}),
        TWO,
    ),
    reads(
        "jsonl, 100,000 deep",
        {"l.jsonl": b"[" * 100_000 + b'\n{"url": "http://a.test/1.jpg", "caption": "one"}\n'},
        ONE,
        bad=("line 1",),
    ),
    reads("jsonl, NaN", {"l.jsonl": b'{"url": "http://a.test/1.jpg", "caption": "one", "x": NaN}\n'}, ONE),
    reads(
        "jsonl, a number of 5,000 digits",
        {"l.jsonl": b'{"url": "http://a.test/1.jpg", "caption": "one", "x": ' + b"9" * 5_000 + b"}\n"},
        ONE,
    ),
    reads("jsonl with a BOM", {"l.jsonl": b"\xef\xbb\xbf" + jsonl({"url": A, "caption": "one"})["l.jsonl"]}, ONE),
    reads(
        "jsonl, not UTF-8",
        {"l.jsonl": b'{"url": "http://a.test/\xe9"}\n{"url": "http://a.test/1.jpg", "caption": "one"}\n'},
        ONE,
        bad=("line 1",),
    ),
    reads("json", {"l.json": json.dumps([{"url": A, "caption": "one"}]).encode()}, ONE),
    reads(
        "json with items that are no objects",
        {"l.json": json.dumps([5, {"url": A, "caption": "one"}, None]).encode()},
        ONE,
        bad=("item 0", "item 2"),
    ),
    reads("json, an empty list", {"l.json": b"[]"}, []),
    refuses("json that is an object", {"l.json": b'{"url": "http://a.test"}'}),
    refuses("json, cut", {"l.json": b'[{"url": "http://a.test/1.jpg"}, {"ur'}),
    refuses("json, 100,000 deep", {"l.json": b"[" * 100_000}),
    refuses("json, empty", {"l.json": b""}),
]

MANY = pa.array([A, B])
PARQUET = [
    reads("parquet", {"l.parquet": parquet(url=[A, B], caption=["one", "two"])}, TWO),
    reads(
        "parquet, nulls",
        {"l.parquet": parquet(url=[A, None, ""], caption=["one", "two", "three"])},
        ONE,
        bad=("row 1", "row 2"),
    ),
    reads("parquet, a caption column of nulls", {"l.parquet": parquet(url=[A], caption=pa.nulls(1))}, [(A, None)]),
    reads(
        "parquet, a url column of nulls",
        {"l.parquet": parquet(url=pa.nulls(2), caption=["one", "two"])},
        [],
        bad=("row 0", "row 1"),
    ),
    reads("parquet of no rows", {"l.parquet": parquet(url=pa.array([], pa.string()))}, []),
    reads(
        "parquet, large strings", {"l.parquet": parquet(url=MANY.cast(pa.large_string()), caption=["one", "two"])}, TWO
    ),
    reads(
        "parquet, strings as views",
        {"l.parquet": parquet(url=MANY.cast(pa.string_view()), caption=["one", "two"])},
        TWO,
    ),
    reads("parquet, a dictionary", {"l.parquet": parquet(url=MANY.dictionary_encode(), caption=["one", "two"])}, TWO),
    reads("parquet, bytes", {"l.parquet": parquet(url=MANY.cast(pa.binary()), caption=["one", "two"])}, TWO),
    reads(
        "parquet, a column of times beside",
        {"l.parquet": parquet(url=[A], caption=["one"], t=pa.array([1], pa.timestamp("ns")))},
        ONE,
    ),
    reads("parquet, lists of captions", {"l.parquet": parquet(url=[A], caption=[["one"]])}, [(A, "['one']")]),
    reads("parquet, a column of structs beside", {"l.parquet": parquet(url=[A], caption=["one"], x=[{"y": 1}])}, ONE),
    refuses("parquet that is none", {"l.parquet": b"PAR1" + bytes(100) + b"PAR1"}),
    refuses("parquet, cut", {"l.parquet": parquet(url=[A] * 500, caption=["one"] * 500)[:-60]}),
    refuses("parquet, empty", {"l.parquet": b""}),
    refuses("parquet, no url column", {"l.parquet": parquet(link=[A])}),
    refuses(
        "parquet, a page of it altered",
        {"l.parquet": parquet(url=[A], caption=["one"])[:4] + b"\xff" * 60 + parquet(url=[A], caption=["one"])[64:]},
    ),
]

PACKED = [
    reads("csv.gz", {"l.csv.gz": gzip.compress(csv(f"{A},one"))}, ONE),
    reads("jsonl.gz", {"l.jsonl.gz": gzip.compress(jsonl({"url": A, "caption": "one"})["l.jsonl"])}, ONE),
    reads("parquet.gz", {"l.parquet.gz": gzip.compress(parquet(url=[A], caption=["one"]))}, ONE),
    reads("csv.gz of two members", {"l.csv.gz": gzip.compress(HEAD) + gzip.compress(f"{A},one\n".encode())}, ONE),
    refuses("gz that is none", {"l.csv.gz": csv(f"{A},one")}),
    refuses("gz, cut", {"l.csv.gz": gzip.compress(csv(*(f"http://a.test/{n},x" for n in range(5_000))))[:-40]}),
    refuses("gz with a wrong checksum", {"l.csv.gz": gzip.compress(csv(f"{A},one"))[:-8] + bytes(8)}),
    refuses("an unknown kind", {"l.docx": b"PK"}),
]

MIXES = [
    reads("two csv of one kind", {"a.csv": csv(f"{A},one"), "b.csv": csv(f"{B},two")}, TWO),
    reads(
        "csv, jsonl and parquet",
        {
            "a.csv": csv(f"{A},one"),
            "b.jsonl": jsonl({"url": B, "caption": "two"})["l.jsonl"],
            "c.parquet": parquet(url=[A], caption=["one"]),
        },
        [*TWO, *ONE],
    ),
    reads("columns in another order", {"a.csv": csv(f"{A},one"), "b.csv": f"caption,url\ntwo,{B}\n".encode()}, TWO),
    reads(
        "an extra column in the second",
        {"a.parquet": parquet(url=[A], caption=["one"]), "b.parquet": parquet(url=[B], caption=["two"], more=[1])},
        TWO,
    ),
    reads(
        "captions of nulls in the first",
        {"a.parquet": parquet(url=[A], caption=pa.nulls(1)), "b.parquet": parquet(url=[B], caption=["two"])},
        [(A, None), (B, "two")],
    ),
    reads(
        "captions as numbers in the second",
        {"a.parquet": parquet(url=[A], caption=["one"]), "b.parquet": parquet(url=[B], caption=[7])},
        [(A, "one"), (B, "7")],
    ),
    reads(
        "strings and large strings",
        {
            "a.parquet": parquet(url=[A], caption=["one"]),
            "b.parquet": parquet(url=pa.array([B], pa.large_string()), caption=["two"]),
        },
        TWO,
    ),
    reads("an empty second", {"a.csv": csv(f"{A},one"), "b.csv": b""}, ONE),
    reads("hidden files are passed over", {"a.csv": csv(f"{A},one"), ".b.csv": b"\0", "_c.csv": b"\0"}, ONE),
    refuses("no url column in the second", {"a.csv": csv(f"{A},one"), "l.csv": f"link\n{B}\n".encode()}),
    refuses("a damaged second", {"a.parquet": parquet(url=[A]), "l.parquet": b"PAR1"}),
    refuses("no caption column in the second", {"a.csv": csv(f"{A},one"), "l.csv": f"url\n{B}\n".encode()}),
]

CASES = distinct([*tables_of_text.CASES, *JSON, *PARQUET, *PACKED, *MIXES])


def results() -> dict[str, Facts]:
    with tempfile.TemporaryDirectory() as scratch:
        return {case.name: _judged(case, Path(scratch) / f"{place:03}") for place, case in enumerate(CASES)}


def written(case: Case, folder: Path) -> None:
    folder.mkdir()
    for name, data in case.given[0].items():
        (folder / name).write_bytes(data)


def _judged(case: Case, folder: Path) -> Facts:
    written(case, folder)
    try:
        found = [
            row for batch in tables(urls.read(Input(urls=str(folder), **case.given[1]))) for row in batch.to_pylist()
        ]
    except CurateError as error:
        return {"outcome": "refused", "names the file": "l." in str(error), "message": str(error)[:200]}
    except Exception as error:  # the very thing that must not happen
        return {"outcome": f"raised {type(error).__name__}", "message": str(error)[:200]}
    stated = case.expected.get("bad", ())
    messages = [row[c.ERROR_MESSAGE] for row in found if row[c.OUTCOME]]
    heads = tuple(text[: len(stated[n])] if n < len(stated) else text[:80] for n, text in enumerate(messages))
    rows = [(row[c.URL], row[c.CAPTION]) for row in found if not row[c.OUTCOME]]
    return {"outcome": "read", "rows": rows, "bad": heads, "message": messages[:3]}
