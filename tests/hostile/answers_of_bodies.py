"""Answers whose body is the trouble: its length, its pace, its encoding, its end, what it is."""

import gzip
import zlib

from tests.hostile.bodies import (
    CAP,
    CHUNKED,
    HALF,
    JPEG,
    after,
    chunks,
    drip,
    encoded,
    endless,
    endless_gzip,
    gzip_bomb,
    gzip_members,
    later,
    one_by_one,
    raw,
    raw_deflate,
    written,
)
from tests.hostile.cases import Case
from tests.hostile.site import Answer, reply

RETRIED = 2  # requests, of what may be better next time
OPEN = "HTTP/1.1 200 OK\n"


def says(name: str, answer: Answer, outcome: str, known: str = "", **facts: object) -> Case:
    return Case(name, {"outcome": outcome, **facts}, ("{base}/x.jpg", answer), known)


def zipped(data: bytes, coding: str = "gzip") -> bytes:
    return reply(data, "200 OK", f"Content-Encoding: {coding}")


def typed(body: bytes, kind: str) -> bytes:
    return reply(body, "200 OK", f"Content-Type: {kind}")


def length(value: str, more: bytes = b"") -> bytes:
    return raw(f"{OPEN}Content-Length: {value}\nConnection: close\n\n", JPEG + more)


def kept_alive(value: int, more: bytes = b"") -> bytes:
    return raw(f"{OPEN}Content-Length: {value}\n\n", JPEG + more)


GOOD = [
    says(f"a good {kind}", reply(encoded(kind)), "ok", requests=1, quick=True, soon=True)
    for kind in ("JPEG", "PNG", "WEBP", "GIF")
]
GOOD += [
    says(f"a good {kind}", reply(encoded(kind)), "ok", requests=1, quick=True, soon=True) for kind in ("AVIF", "BMP")
]
GOOD += [
    says("no length, closed at the end", raw(f"{OPEN}Content-Type: image/jpeg\n\n", JPEG), "ok", whole=True),
    says("chunked", chunks(JPEG[:HALF], JPEG[HALF:]), "ok", whole=True),
    says("chunks of one byte", chunks(*(JPEG[at : at + 1] for at in range(len(JPEG)))), "ok", whole=True),
    says(
        "sent in pieces with pauses", written(reply(JPEG)[:50], 0.2, reply(JPEG)[50:900], 0.2, reply(JPEG)[900:]), "ok"
    ),
    says("the cap exactly", later(lambda: reply(JPEG + bytes(CAP - len(JPEG)))), "ok", requests=1),
]

LENGTHS = [
    says("one byte over the cap", later(lambda: reply(JPEG + bytes(CAP + 1 - len(JPEG)))), "too_large", requests=1),
    says(
        "10 GB declared",
        drip(reply(b"", length=10_000_000_000), lambda: iter([JPEG] * 50), 0.05),
        "too_large",
        requests=1,
    ),
    says("2^63 declared", length(str(2**63)), "too_large"),
    says("10^18 declared, nothing sent", written(reply(b"", length=10**18), 8.0), "too_large", quick=True),
    says("endless body", endless(raw(f"{OPEN}\n"), bytes(65_536)), "too_large", near_cap=True),
    says(
        "endless chunks",
        endless(raw(f"{OPEN}{CHUNKED}\n\n"), b"10000\r\n" + bytes(65_536) + b"\r\n"),
        "too_large",
        near_cap=True,
    ),
    says("endless gzip", endless_gzip(), "too_large", bounded=True),
    says("shorter than declared", reply(JPEG, length=len(JPEG) + 500), "truncated_body", requests=RETRIED),
    says("half of what is declared", reply(JPEG[:HALF], length=len(JPEG)), "truncated_body", requests=RETRIED),
    # What follows the declared end is taken for nonsense where the server also says that nothing follows.
    says("longer than declared", length(str(len(JPEG)), b"more"), "reset", requests=RETRIED),
    says(
        "longer than declared, kept alive",
        kept_alive(len(JPEG), b"more"),
        "ok",
        whole=True,
        known="taken for a second answer",
    ),
    says("a declared length that cuts the image", kept_alive(HALF), "reset", requests=RETRIED),
    says("declared empty, but is not", kept_alive(0), "reset", requests=RETRIED),
    says("empty", reply(b""), "empty_body", requests=1),
    says("empty and chunked", chunks(), "empty_body"),
    says("empty, no length", raw(f"{OPEN}\n"), "empty_body"),
    says("negative length", length("-5"), "reset"),
    says("length in words", length("many"), "reset"),
    says("empty length", length(""), "reset"),
    says("length with a plus", length(f"+{len(JPEG)}"), "reset"),
    says("length in hex", length(hex(len(JPEG))), "reset"),
    says("length with an underscore", length("1_000"), "reset"),
    says("length in other digits", length("\xb2\xb3"), "reset"),
    says("two different lengths", length(f"{len(JPEG)}\nContent-Length: 5"), "reset"),
    says("a length and chunks", chunks(JPEG, headers=f"{CHUNKED}\nContent-Length: 5"), "reset"),
]

SLOW = [
    says("1 byte a second", drip(reply(b"", length=500), one_by_one(bytes(30))), "timeout", deadline=True),
    says(
        "1 chunk a second",
        drip(raw(f"{OPEN}{CHUNKED}\n\n"), lambda: iter([b"1\r\nx\r\n"] * 30)),
        "timeout",
        deadline=True,
    ),
    says(
        "a chunk size that never ends",
        drip(raw(f"{OPEN}{CHUNKED}\n\n"), one_by_one(b"0" * 30)),
        "timeout",
        deadline=True,
    ),
    says(
        "1 header line a second",
        drip(raw(OPEN), lambda: (b"X-%d: y\r\n" % n for n in range(30))),
        "timeout",
        deadline=True,
    ),
    says("1 byte of headers a second", drip(b"", one_by_one(raw(OPEN) + b"X: y\r\n" * 9)), "timeout", deadline=True),
    says(
        "103 early hints, one a second",
        drip(b"", lambda: iter([raw("HTTP/1.1 103 Early Hints\n\n")] * 30)),
        "timeout",
        deadline=True,
    ),
    says(
        "100 continue, one a second",
        drip(b"", lambda: iter([raw("HTTP/1.1 100 Continue\n\n")] * 30)),
        "timeout",
        deadline=True,
    ),
    says("silent from the start", written(30.0), "timeout", deadline=True),
    says("silent after the status", written(raw(OPEN), 30.0), "timeout", deadline=True),
    says("silent after the headers", written(reply(b"", length=9), 30.0), "timeout", deadline=True),
    says("silent in the middle of the body", written(reply(JPEG)[:-20], 30.0), "timeout", deadline=True),
    says("silent before the last chunk", written(chunks(JPEG, end=b""), 30.0), "timeout", deadline=True),
    says("slow once, then good", after(1, written(30.0)), "ok", requests=RETRIED),
]

BROKEN = [
    says("closed at once", written(), "reset", requests=RETRIED),
    says("reset at once", written(reset=True), "reset", requests=RETRIED),
    says("closed in the status line", written(b"HTTP/1.1 20"), "reset", requests=RETRIED),
    says("reset in the status line", written(b"HTTP/1.1 20", reset=True), "reset", requests=RETRIED),
    says("closed in the headers", written(raw(OPEN + "Content-Ty")), "reset", requests=RETRIED),
    says("reset in the headers", written(raw(OPEN + "Content-Ty"), reset=True), "reset", requests=RETRIED),
    says(
        "reset after the headers", written(reply(b"", length=len(JPEG)), reset=True), "truncated_body", requests=RETRIED
    ),
    says("reset in the body", written(reply(JPEG)[:-50], reset=True), "truncated_body", requests=RETRIED),
    says(
        "reset in a body without length",
        written(raw(f"{OPEN}\n") + JPEG[:HALF], reset=True),
        "truncated_body",
        requests=RETRIED,
    ),
    says("closed in a chunk", written(chunks(JPEG)[:-60]), "truncated_body", requests=RETRIED),
    says("closed in a chunk's size", written(chunks(JPEG, end=b"4")), "truncated_body", requests=RETRIED),
    says("closed before the last chunk", written(chunks(JPEG, end=b"")), "truncated_body", requests=RETRIED),
    says("reset before the last chunk", written(chunks(JPEG, end=b""), reset=True), "truncated_body", requests=RETRIED),
    says("reset once, then good", after(1, written(reset=True)), "ok", requests=RETRIED, whole=True),
    says("cut once, then good", after(1, reply(JPEG[:HALF], length=len(JPEG))), "ok", requests=RETRIED, whole=True),
    says("chunk size is no number", chunks(end=b"zz\r\nabc\r\n0\r\n\r\n"), "reset"),
    says("chunk size is negative", chunks(end=b"-5\r\nabc\r\n0\r\n\r\n"), "reset"),
    says("chunk size with an underscore", chunks(end=b"1_0\r\nabc\r\n0\r\n\r\n"), "reset"),
    says("chunk of 2^64 bytes", chunks(end=b"ffffffffffffffff\r\n" + JPEG), "truncated_body"),
    says("chunk of 2^400 bytes", chunks(end=b"f" * 100 + b"\r\n" + JPEG), "reset"),
    says("chunk longer than its size", chunks(end=b"5\r\n" + JPEG + b"\r\n0\r\n\r\n"), "reset"),
    says("chunk extension", chunks(end=b'5;a="b";c\r\nabcde\r\n0\r\n\r\n'), "not_an_image"),
    says("chunk extension of 1 MB", chunks(end=b"5;" + b"a" * 1_000_000 + b"\r\nabcde\r\n0\r\n\r\n"), "not_an_image"),
    says("trailers after the chunks", chunks(JPEG, end=b"0\r\nX-Sum: 1\r\n\r\n"), "ok", whole=True),
    says("trailers without end", endless(chunks(JPEG, end=b"0\r\n"), b"X-T: y\r\n" * 2_000), "reset", bounded=True),
]

ENCODINGS = [
    says("gzip", zipped(gzip.compress(JPEG)), "ok", whole=True),
    says("x-gzip", zipped(gzip.compress(JPEG), "X-GZIP"), "ok", whole=True),
    says("deflate", zipped(zlib.compress(JPEG), "deflate"), "ok", whole=True),
    says("raw deflate", zipped(raw_deflate(JPEG), "deflate"), "ok", whole=True),
    says("identity", zipped(JPEG, "identity"), "ok", whole=True),
    says("an empty encoding", zipped(JPEG, ""), "ok", whole=True),
    says("gzip, two members", zipped(gzip.compress(JPEG[:HALF]) + gzip.compress(JPEG[HALF:])), "ok", whole=True),
    says(
        "gzip and chunked", chunks(gzip.compress(JPEG), headers=f"{CHUNKED}\nContent-Encoding: gzip"), "ok", whole=True
    ),
    says("gzip with bytes behind it", zipped(gzip.compress(JPEG) + bytes(64)), "ok", whole=True),
    says("gzip bomb, 200 MB of 194 KB", later(lambda: zipped(gzip_bomb())), "too_large", requests=1),
    says("deflate bomb", later(lambda: zipped(zlib.compress(bytes(60_000_000), 9), "deflate")), "too_large"),
    says(
        "chunked gzip bomb",
        later(lambda: chunks(gzip_bomb(60_000_000), headers=f"{CHUNKED}\nContent-Encoding: gzip")),
        "too_large",
    ),
    says("10,000 gzip members", later(lambda: zipped(gzip_members(10_000))), "too_large"),
    says("gzip, cut", zipped(gzip.compress(JPEG)[:-30]), "truncated_body", requests=RETRIED),
    says("gzip, wrong checksum", zipped(gzip.compress(JPEG)[:-8] + bytes(8)), "not_an_image"),
    says("gzip that is none", zipped(JPEG), "not_an_image"),
    says("deflate that is none", zipped(b"\xff" + JPEG, "deflate"), "not_an_image"),
    says("gzip twice, said once", zipped(gzip.compress(gzip.compress(JPEG))), "not_an_image"),
    says("gzip twice, said twice", zipped(gzip.compress(gzip.compress(JPEG)), "gzip, gzip"), "not_an_image"),
    says(
        "gzip bomb in a gzip bomb",
        later(lambda: zipped(gzip.compress(gzip_bomb(50_000_000)), "gzip, gzip")),
        "not_an_image",
    ),
    says("gzip that nobody mentions", reply(gzip.compress(JPEG)), "not_an_image"),
    *[
        says(f"encoding {name}", zipped(JPEG, name), "not_an_image")
        for name in ("br", "zstd", "compress", "aes", "gzip;q=1")
    ],
]

PAGE = b"<!doctype html><html><head><title>404</title></head><body><img src=x onerror=alert(1)></body></html>"
KINDS = [
    says("a page as image/jpeg", typed(PAGE, "image/jpeg"), "not_an_image", requests=1),
    says("a page as a page", typed(PAGE, "text/html"), "not_an_image"),
    says("SVG", typed(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "image/svg+xml"), "not_an_image"),
    says("JSON", typed(b'{"error": 1}', "application/json"), "not_an_image"),
    says("PDF as PNG", typed(b"%PDF-1.7\n%\xe2\xe3", "image/png"), "not_an_image"),
    says("zip as WebP", typed(b"PK\3\4" + bytes(99), "image/webp"), "not_an_image"),
    says("MP4 as image/jpeg", typed(b"\0\0\0\x18ftypisom" + bytes(99), "image/jpeg"), "not_an_image"),
    says("TIFF", typed(encoded("TIFF"), "image/tiff"), "not_an_image"),
    says("one byte", typed(b"\xff", "image/jpeg"), "not_an_image"),
    says("the first bytes of a JPEG, then a page", typed(JPEG[:30] + PAGE, "image/jpeg"), "damaged_image"),
    says("a JPEG as text/html", typed(JPEG, "text/html"), "ok", whole=True),
    says("a JPEG as application/octet-stream", typed(JPEG, "application/octet-stream"), "ok"),
    says("a JPEG as image/png", typed(JPEG, "image/png"), "ok"),
    says("a JPEG of charset utf-16", typed(JPEG, "image/jpeg; charset=utf-16"), "ok", whole=True),
    says("a JPEG of a charset that is none", typed(JPEG, 'text/plain; charset="\xff";;=;'), "ok", whole=True),
    says("a JPEG with a broken type", typed(JPEG, "////;;;=,"), "ok"),
    says("a JPEG with a type of 6 KB", typed(JPEG, "image/" + "j" * 6_000), "ok"),
    says("a JPEG with two types", reply(JPEG, "200 OK", "Content-Type: text/html", "Content-Type: image/jpeg"), "ok"),
    says(
        "a PNG as a download called ../../x.exe",
        reply(encoded("PNG"), "200 OK", 'Content-Disposition: attachment; filename="../../x.exe"'),
        "ok",
    ),
]

CASES = [*GOOD, *LENGTHS, *SLOW, *BROKEN, *ENCODINGS, *KINDS]
