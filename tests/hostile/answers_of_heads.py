"""Answers whose head is the trouble: statuses, headers, and where they lead."""

from tests.hostile.answers_of_bodies import OPEN, RETRIED, says
from tests.hostile.bodies import JPEG, after, by_target, chunks, drip, endless, hops, raw, written
from tests.hostile.cases import Case
from tests.hostile.site import Answer, redirect, reply


def status(line: str, *headers: str) -> bytes:
    """With a good image below it: whoever stores it has not looked at the status."""
    return reply(JPEG, line, *headers)


STATUSES = [
    says("100, then 200", raw("HTTP/1.1 100 Continue\n\n") + reply(JPEG), "ok", whole=True),
    says("103, then 200", raw("HTTP/1.1 103 Early Hints\nLink: </x>\n\n") + reply(JPEG), "ok", whole=True),
    says("199, then 200", raw("HTTP/1.1 199 Odd\n\n") + reply(JPEG), "ok"),
    says("102 and no more", raw("HTTP/1.1 102 Processing\n\n"), "reset"),
    says("204", raw("HTTP/1.1 204 No Content\n\n"), "bad_status", requests=1),
    *[says(f"{n}", status(f"{n} Odd"), "bad_status", requests=1) for n in (201, 202, 203, 205, 207, 226)],
    says(
        "206, part of the image",
        status("206 Partial Content", "Content-Range: bytes 0-99/500"),
        "bad_status",
        requests=1,
    ),
    says(
        "206, all of the image",
        status("206 Partial Content", f"Content-Range: bytes 0-{len(JPEG) - 1}/{len(JPEG)}"),
        "bad_status",
    ),
    *[
        says(f"{n} with no location", status(f"{n} Odd"), "bad_redirect", requests=1)
        for n in (300, 301, 302, 303, 305, 307, 308, 399)
    ],
    says("304 with no location", raw("HTTP/1.1 304 Not Modified\n\n"), "bad_redirect", requests=1),
    *[says(f"{n}", status(f"{n} Odd"), "4xx", requests=1) for n in (400, 401, 402, 403, 405, 406, 407, 418, 451, 499)],
    says("404 with an image", status("404 Not Found"), "404", requests=1),
    says("410 with an image", status("410 Gone"), "410", requests=1),
    says("429", status("429 Too Many"), "429", requests=RETRIED),
    *[says(f"{n}", status(f"{n} Odd"), "5xx", requests=RETRIED) for n in (500, 502, 503, 504, 520, 599)],
    says("503 once, then good", after(1, status("503 Busy")), "ok", requests=RETRIED),
    says("429 with Retry-After: 1", after(1, status("429 Slow", "Retry-After: 1")), "ok", requests=RETRIED, gap=True),
    says("503 with Retry-After: 1", after(1, status("503 Busy", "Retry-After: 1")), "ok", requests=RETRIED, gap=True),
    says("Retry-After of a year", status("503 Busy", "Retry-After: 31536000"), "5xx", requests=1),
    says("Retry-After of 10^400 s", status("429 Slow", "Retry-After: 1" + "0" * 400), "429", requests=1),
    says("Retry-After that is no time", status("503 Busy", "Retry-After: soon"), "5xx", requests=RETRIED),
    says("Retry-After: -5", status("503 Busy", "Retry-After: -5"), "5xx", requests=RETRIED),
    says("404 once, then good", after(1, status("404 Not Found")), "404", requests=1),
    *[says(f"status {n}", status(f"{n} Odd"), "bad_status") for n in (600, 999)],
    *[says(f"status {n!r}", status(f"{n} Odd"), "reset") for n in ("20", "2000", "abc", "-200", "")],
]

PROTOCOLS = [
    says("HTTP/1.0", raw("HTTP/1.0 200 OK\n\n", JPEG), "ok", whole=True),
    says("no reason phrase", raw("HTTP/1.1 200\nConnection: close\n\n", JPEG), "ok"),
    says("HTTP/0.9: the image alone", JPEG, "reset", requests=RETRIED),
    says("HTTP/2.0 in text", raw("HTTP/2.0 200 OK\n\n", JPEG), "ok", whole=True),
    says("ICY 200 OK", raw("ICY 200 OK\n\n", JPEG), "reset"),
    says("SSH", b"SSH-2.0-OpenSSH_9.6\r\n", "reset"),
    says("an HTTP/2 settings frame", b"\0\0\0\4\0\0\0\0\0" * 4, "reset"),
    says("a TLS alert", b"\x15\3\1\0\2\2\x28", "reset"),
    says("a page without a head", b"<html><body>hello</body></html>\n" * 9, "reset"),
    says("bytes of all kinds", bytes(range(256)) * 40, "reset"),
    says("a reason phrase of 1 MB", raw("HTTP/1.1 200 " + "O" * 1_000_000 + "\n\n", JPEG), "reset"),
    says("transfer encoding gzip", raw(f"{OPEN}Transfer-Encoding: gzip\n\n", JPEG), "ok", whole=True),
    says("transfer encoding unknown", raw(f"{OPEN}Transfer-Encoding: cow\n\n", JPEG), "ok", whole=True),
    says(
        "transfer encoding twice",
        chunks(JPEG, headers="Transfer-Encoding: chunked\nTransfer-Encoding: chunked"),
        "ok",
        whole=True,
    ),
    says(
        "an upgrade to websocket",
        raw("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\n"),
        "bad_status",
    ),
]


def headed(*headers: str) -> bytes:
    return reply(JPEG, "200 OK", *headers)


HEADERS = [
    says("5,000 headers", headed(*(f"X-{n}: y" for n in range(5_000))), "reset"),
    says("100 headers", headed(*(f"X-{n}: y" for n in range(100))), "ok"),
    says("a header of 10 MB", endless(raw(OPEN) + b"X: ", b"a" * 65_536), "reset", bounded=True),
    says("headers without end", endless(raw(OPEN), b"X-Y: z\r\n" * 2_000), "reset", bounded=True),
    says("a header name of 1 MB", headed("X" * 1_000_000 + ": y"), "reset"),
    says("a header without a colon", headed("hello"), "reset"),
    says("a header without a name", headed(": y"), "reset"),
    says("a header name with a space", headed("X Y: z"), "reset"),
    says("a header with a NUL", headed("X: a\0b"), "reset"),
    says("a header with a lone CR", headed("X: a\rb"), "reset"),
    says("a folded header", headed("X: a\r\n b"), "ok"),
    says("a header in Latin-1", headed("X: caf\udce9"), "ok"),
    says("a header in UTF-8", headed("X: caf\u00e9 \u65e5\u672c"), "ok"),
    says("line ends without CR", reply(JPEG).replace(b"\r\n", b"\n", 3), "ok"),
    says("100 cookies", headed(*(f"Set-Cookie: c{n}=v; Domain=.test; Path=/" for n in range(100))), "ok"),
    says("a cookie, then 503, then good", after(1, reply(b"", "503 Busy", "Set-Cookie: a=b")), "ok", cookie=False),
    says("Refresh", headed("Refresh: 0; url=http://127.0.0.1/"), "ok", requests=1),
    says("200 with a Location", headed("Location: http://127.0.0.1/"), "ok", requests=1),
    says("Alt-Svc and HSTS", headed('Alt-Svc: h3="127.0.0.1:1"', "Strict-Transport-Security: max-age=9"), "ok"),
    says("Link: preload", headed("Link: <http://127.0.0.1/x>; rel=preload"), "ok", requests=1),
    says("X-Robots-Tag: noai", headed("X-Robots-Tag: noai"), "opted_out", requests=1),
    says("an opt-out and an endless body", endless(raw(f"{OPEN}tdm-reservation: 1\n\n"), bytes(65_536)), "opted_out"),
    says(
        "an opt-out and no body",
        written(raw(f"{OPEN}X-Robots-Tag: noindex\nContent-Length: 9\n\n"), 30.0),
        "opted_out",
        quick=True,
    ),
    says("an opt-out in a trailer", chunks(JPEG, end=b"0\r\nX-Robots-Tag: noai\r\n\r\n"), "ok"),
]


def leads(name: str, location: str, outcome: str, **facts: object) -> Case:
    """The start of a case leads there; /end has a good image."""
    return says(name, by_target(**{"x.jpg": redirect(location), "end": reply(JPEG)}), outcome, **facts)


def circle() -> Answer:
    return by_target(**{"x.jpg": redirect("b"), "b": redirect("c"), "c": redirect("x.jpg")})


REDIRECTS = [
    *[
        says(
            f"{n} to the image",
            by_target(**{"x.jpg": redirect("end", f"{n} Odd"), "end": reply(JPEG)}),
            "ok",
            requests=2,
        )
        for n in (301, 302, 303, 307, 308)
    ],
    leads("relative", "end", "ok", target="/end"),
    leads("relative with a dot", "./a/../end", "ok", target="/end"),
    leads("with a fragment", "end#part", "ok", target="/end"),
    leads("with spaces around", "  end  ", "ok", target="/end"),
    says("a space inside", by_target(**{"x.jpg": redirect("a b"), "a%20b": reply(JPEG)}), "ok", target="/a%20b"),
    says("\u00e9 in UTF-8", by_target(**{"x.jpg": redirect("\u00e9"), "%C3%A9": reply(JPEG)}), "ok", target="/%C3%A9"),
    says("\u00e9 in Latin-1", by_target(**{"x.jpg": redirect("\udce9"), "%E9": reply(JPEG)}), "ok", target="/%E9"),
    says("only a query", by_target(**{"x.jpg": redirect("?q=1"), "x.jpg?q=1": reply(JPEG)}), "ok", target="/x.jpg?q=1"),
    says(
        "with a body of its own",
        by_target(**{"x.jpg": reply(JPEG, "302 Found", "Location: end"), "end": reply(JPEG)}),
        "ok",
    ),
    says(
        "with an endless body",
        after(1, endless(raw("HTTP/1.1 302 Found\nLocation: end\n\n"), bytes(65_536))),
        "ok",
        requests=2,
    ),
    says("1 hop", hops(1), "ok", requests=2),
    says("5 hops", hops(5), "ok", requests=6),
    says("6 hops", hops(6), "bad_redirect", requests=6),
    says("1,000 hops", hops(1_000), "bad_redirect", requests=6),
    says("5 hops, 1 per 4 s", hops(5, 4.0), "timeout", deadline=True),
    says("a redirect, then silence", after(1, redirect("end"), written(30.0)), "timeout"),
    leads("to itself", "x.jpg", "bad_redirect", requests=1),
    leads("to itself with a fragment", "x.jpg#2", "bad_redirect", requests=1),
    says("a circle of three", circle(), "bad_redirect", requests=3),
    leads("to nothing", "", "bad_redirect", requests=1),
    leads("to file:", "file:///etc/passwd", "bad_redirect", requests=1),
    leads("to data:", "data:image/png;base64,iVBORw0KGgo=", "bad_redirect", requests=1),
    leads("to ftp:", "ftp://127.0.0.1:{port}/end", "bad_redirect", requests=1),
    leads("to javascript:", "javascript:alert(1)", "bad_redirect", requests=1),
    leads("to gopher:", "gopher://127.0.0.1:{port}/_GET", "bad_redirect", requests=1),
    leads("to http: and no host", "http://", "bad_redirect", requests=1),
    leads("to a host with a space", "http://a b.test/", "bad_redirect", requests=1),
    leads("to a port that is none", "http://a.hostile.test:99999/", "bad_redirect", requests=1),
    leads("to a port that is not allowed", "http://8.8.8.8:22/", "bad_redirect", requests=1),
    leads("to 7 KB", "a" * 7_000, "404", requests=2),
    leads("to 60 KB", "a" * 60_000, "reset"),
    leads("to a name that is not there", "http://nowhere.invalid/", "dns"),
    leads("to a private address", "http://10.0.0.1/", "private_address", requests=1),
    leads("to the loopback", "http://127.0.0.1:2/", "private_address", requests=1),
    says(
        "two Locations",
        by_target(**{"x.jpg": reply(b"", "302 Found", "Location: end", "Location: other"), "end": reply(JPEG)}),
        "ok",
        target="/end",
    ),
    says(
        "with an opt-out",
        by_target(**{"x.jpg": redirect("end", "302 Found", "X-Robots-Tag: noai"), "end": reply(JPEG)}),
        "opted_out",
        requests=1,
    ),
    says(
        "to an opt-out",
        by_target(**{"x.jpg": redirect("end"), "end": headed("X-Robots-Tag: noimageai")}),
        "opted_out",
        requests=2,
    ),
    says(
        "with a name and password",
        by_target(**{"x.jpg": redirect("http://me:secret@head-auth.hostile.test:{port}/end")}),
        "404",
    ),
    says(
        "dripping, one header a second",
        drip(raw("HTTP/1.1 302 Found\nLocation: end\n"), lambda: iter([b"X: y\r\n"] * 30)),
        "timeout",
        deadline=True,
    ),
]

REDIRECTS = [Case(f"redirect: {case.name}", case.expected, case.given) for case in REDIRECTS]
CASES = [*STATUSES, *PROTOCOLS, *HEADERS, *REDIRECTS]
