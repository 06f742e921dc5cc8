"""Lists in csv, tsv and txt, and how a case of a list is written down."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.hostile.cases import Case

A, B = "http://a.test/1.jpg", "http://a.test/2.jpg"
HEAD = b"url,caption\n"
Files = dict[str, bytes]


def reads(
    name: str,
    files: Files | bytes,
    rows: list[tuple[str, str | None]],
    *,
    bad: tuple[str, ...] = (),
    known: str = "",
    **recipe: Any,
) -> Case:
    """The good rows, in order, as (url, caption); and of each bad one how its message begins."""
    given = files if isinstance(files, dict) else {"l.csv": files}
    return Case(name, {"outcome": "read", "rows": rows, "bad": bad}, (given, recipe), known)


def refuses(name: str, files: Files | bytes, *, known: str = "", **recipe: Any) -> Case:
    given = files if isinstance(files, dict) else {"l.csv": files}
    return Case(name, {"outcome": "refused", "names the file": True}, (given, recipe), known)


def csv(*lines: str, encoding: str = "utf-8", end: str = "\n") -> bytes:
    return end.join(["url,caption", *lines, ""]).encode(encoding, "surrogatepass")


def jsonl(*rows: Any) -> Files:
    return {"l.jsonl": "\n".join(json.dumps(row) for row in rows).encode()}


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


ONE = [(A, "one")]
TWO = [(A, "one"), (B, "two")]
LONG = "x" * 1_000_000

CSV = [
    reads("plain", csv(f"{A},one", f"{B},two"), TWO),
    reads("empty file", b"", []),
    reads("header alone", HEAD, []),
    reads("no line end at the end", csv(f"{A},one")[:-1], ONE),
    reads("CRLF", csv(f"{A},one", f"{B},two", end="\r\n"), TWO),
    reads("mixed line ends", csv(f"{A},one\r", f"{B},two"), TWO),
    reads("old Mac line ends", csv(f"{A},one", f"{B},two", end="\r"), TWO),
    reads("empty lines", csv("", f"{A},one", "", "", f"{B},two"), TWO),
    reads("a BOM", b"\xef\xbb\xbf" + csv(f"{A},one"), ONE),
    reads("a quoted comma", csv(f'{A},"one, two"'), [(A, "one, two")]),
    reads("quoted quotes", csv(f'{A},"say ""hi"""'), [(A, 'say "hi"')]),
    reads("a quoted line end", csv(f'{A},"one\ntwo"', f"{B},two"), [(A, "one\ntwo"), (B, "two")]),
    reads("a quoted header", b'"url","caption"\n' + csv(f"{A},one")[len(HEAD) :], ONE),
    reads("a quote inside a field", csv(f'{A},6" nails'), [(A, '6" nails')]),
    reads("a quote never closed", csv(f'{A},"open', f"{B},two"), [(B, "two")], bad=("line 2",)),
    reads(
        "a quote that a later line closes",
        csv(f'{A},"open', f"{B},two", 'http://a.test/3.jpg,three" x'),
        [(B, "two"), ("http://a.test/3.jpg", 'three" x')],
        bad=("line 2",),
    ),
    reads("too many fields", csv(f"{A},one,more", f"{B},two"), [(B, "two")], bad=("line 2",)),
    reads("too few fields", csv(A, f"{B},two"), [(B, "two")], bad=("line 2",)),
    reads("no url", csv(",one", f"{B},two"), [(B, "two")], bad=("line 2",)),
    reads(
        "spaces for a url",
        csv("   ,one", f"{B},two"),
        [(B, "two")],
        bad=("line 2",),
    ),
    reads(
        "NA, null, None, NaN are captions",
        csv(f"{A},NA", f"{A},null", f"{A},None", f"{A},nan"),
        [(A, "NA"), (A, "null"), (A, "None"), (A, "nan")],
    ),
    reads("numbers stay as they are", csv(f"{A},007", f"{A},1e5", f"{A},0.10"), [(A, "007"), (A, "1e5"), (A, "0.10")]),
    reads("an empty caption", csv(f"{A},"), [(A, "")]),
    reads("bytes that are not UTF-8", csv(f"{A},one") + b"http://a.test/2.jpg,caf\xe9\n", ONE, bad=("line 3",)),
    reads("a NUL in a caption", csv(f"{A},a\0b"), [(A, "a\ufffdb")]),
    reads("a caption of 1 MB", csv(f"{A},{LONG}", f"{B},two"), [(A, "x" * 10_000), (B, "two")]),
    reads("a line of 30 MB", csv(f"{A},{LONG * 30}", f"{B},two"), [(B, "two")], bad=("line 2",)),
    reads("a quoted field of 20 MB", csv(f'{A},"{LONG * 20}"', f"{B},two"), [(B, "two")], bad=("line 2",)),
    reads("emoji and other planes", csv(f"{A},\U0001f600 \U00020000"), [(A, "\U0001f600 \U00020000")]),
    reads(
        "separators of Unicode are no line ends",
        csv(f"{A},a\u2028b\u0085c\x0bd\x0ce"),
        [(A, "a\u2028b\u0085c\x0bd\x0ce")],
    ),
    reads("a formula", csv(f"{A},=1+1"), [(A, "=1+1")]),
    reads("the same URL twice", csv(f"{A},one", f"{A},one"), [*ONE, *ONE]),
    reads("other columns around", b"id,caption,x,url\n7,one,y," + A.encode() + b"\n", ONE),
    reads(
        "10,000 columns",
        ("url," + ",".join(f"c{n}" for n in range(10_000)) + f"\n{A}" + "," * 10_000 + "\n").encode(),
        [(A, None)],
    ),
    reads("no caption column", f"url\n{A}\n".encode(), [(A, None)]),
    refuses("tabs in a file called csv", {"l.csv": f"url\tcaption\n{A}\tone\n".encode()}),
    refuses("no url column", b"link,text\n" + f"{A},one\n".encode()),
    refuses("a url column in capitals", b"URL,TEXT\n" + f"{A},one\n".encode()),
    refuses("a header that cannot be read", b'url,"caption\n' + f"{A},one\n".encode()),
    refuses("two url columns", b"url,caption,url\n" + f"{A},one,{B}\n".encode()),
    refuses("UTF-16", csv(f"{A},one", encoding="utf-16")),
    refuses("zeros", bytes(10_000)),
    refuses("a zip", b"PK\3\4" + bytes(range(256)) * 40),
    refuses("a page", b"<!doctype html><html><body>Sign in</body></html>\n"),
]

TSV = [
    reads("tsv", {"l.tsv": f"url\tcaption\n{A}\tone, two\n".encode()}, [(A, "one, two")]),
    reads("tsv with a quoted tab", {"l.tsv": f'url\tcaption\n{A}\t"a\tb"\n'.encode()}, [(A, "a\tb")]),
    reads(
        "tsv with a lone quote",
        {"l.tsv": f'url\tcaption\n{A}\t"open\n{B}\ttwo\n'.encode()},
        [(B, "two")],
        bad=("line 2",),
    ),
]

TXT = [
    reads("txt", {"l.txt": f"{A}\n{B}\n".encode()}, [(A, None), (B, None)]),
    reads("txt with a comma in a URL", {"l.txt": f"{A}?a,b\n{B}\n".encode()}, [(f"{A}?a,b", None), (B, None)]),
    reads("txt with a quote in a URL", {"l.txt": f'{A}?"x\n{B}\n'.encode()}, [(f'{A}?"x', None), (B, None)]),
    reads(
        "txt with CRLF, spaces and empty lines", {"l.txt": f"\r\n {A} \r\n\r\n{B}\r\n".encode()}, [(A, None), (B, None)]
    ),
    reads("txt with a BOM", {"l.txt": b"\xef\xbb\xbf" + A.encode()}, [(A, None)]),
    reads("txt that is not UTF-8", {"l.txt": A.encode() + b"\nhttp://a.test/\xe9.jpg\n"}, [(A, None)], bad=("line 2",)),
    reads("txt, empty", {"l.txt": b""}, []),
    reads("txt with a line of 30 MB", {"l.txt": f"{'x' * 30_000_000}\n{A}\n".encode()}, [(A, None)], bad=("line 1",)),
    refuses("txt in UTF-16", {"l.txt": f"{A}\n{B}\n".encode("utf-16")}),
]

CASES = [*CSV, *TSV, *TXT]
