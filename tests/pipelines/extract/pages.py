"""Pages of real shapes, what must come of them, and crawl files that hold them."""

import gzip
import io
import json
from dataclasses import dataclass, field

from pipelines.extract.rows import Row

NEWS = b"""<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8"><title>Storm  hits
 the coast &mdash; News</title><link rel="canonical" href="https://news.example/canonical"></head><body>
<header><img class="logo" src="/static/logo.svg" alt=""></header>
<article><figure><img class="lazyload" src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
 data-src="//img.news.example/storm-1200.jpg?w=1200&amp;q=80#top" alt="  Waves &amp; wind\n over the pier ">
<noscript><img src="//img.news.example/storm-1200.jpg?w=1200&amp;q=80" alt="Waves &amp; wind over the pier"></noscript>
<figcaption>not an alt-text</figcaption></figure>
<img src="/img/spacer.gif" data-original="photos/b.jpg" alt="A fallen tree"><img src="/img/1x1.png" alt="Spacer alone">
<img width="1" height="1" src="https://tracker.example/p?x=1" data-lazy-src="c.jpg" alt="Rescue boat">
<img src="https://news.example/d.jpg"><script>document.write('<img src="no.jpg" alt="not this one">')</script>
<!-- <img src="no2.jpg" alt="nor this"> --></article></body></html>"""

SHOP = """<!doctype html><html><head><meta property="og:locale" content="de_DE"><title>Schuhe</title></head><body>
<img src="s.jpg" srcset="s-400.jpg 400w, s-1600.jpg 1600w,s-800.jpg 800w" sizes="50vw" alt="Roter Schuh">
<img src="https://cdn.shop.example/f_auto,w_100/t.jpg"
 srcset="https://cdn.shop.example/f_auto,w_200/t.jpg 2x, https://cdn.shop.example/f_auto,w_50/t.jpg .5x" alt="Stiefel">
<picture><source type="image/avif" srcset="/p.avif 1x, /p2.avif 2x"><source srcset="/p.webp">
<img src="/p.jpg" alt="Sandale"></picture>
<picture><source data-srcset="/q-1.webp 1x,/q-2.webp 2x"><img src="data:," alt="Pantoffel"></picture>
<img data-src="//cdn.shop.example/x_{width}x.jpg" data-srcset="/x_100.jpg 100w, /x_900.jpg 900w" alt="Clog">
<img src="/größe/ü.jpg?farbe=grün" alt="Umlaut"><img src="javascript:alert(1)" alt="Nein">
<template><img src="/never.jpg" alt="template"></template></body></html>""".encode()

WIKI = b"""<!DOCTYPE html><html xml:lang="fr"><head><base href="//static.wiki.example/w/"><base href="/other/">
<title>Tour Eiffel</title></head><body><p><img src="../thumb/../thumb/eiffel.jpg" alt="La tour Eiffel"
 srcset="eiffel-1.5.jpg 1.5x"><img src="?action=raw&amp;file=a.png" alt="Plan"><img src="./b/./c.png" alt="Carte">
<img src="http://[::1" alt="Malformed"><img src="" alt="Empty"><img src=" \n/d .png\t" alt="Espace"></body></html>"""

BLOG = b"""<html><head><meta http-equiv="Content-Language" content="pt-BR, en"><TITLE>Meu blog</TITLE></head>
<body><IMG SRC=pic1.jpg ALT='Um gato'><noscript><p><img src=pic2.jpg alt="Um c\xc3\xa3o"></p></noscript>
<iframe><img src=no.jpg alt="in an iframe"></iframe><textarea><img src=no.jpg alt="in a textarea"></textarea>
<svg><title>an icon</title></svg><img alt="Um gato" src="pic1.jpg#again"><img src="https://user:pw@blog.example/s.jpg"
alt="secret"></body></html>"""

JAPANESE = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS"><title>猫の写真</title></head>'
    '<body><img src="neko.jpg?q=猫" alt="白い猫が眠る"><img src="表.jpg" alt="表"></body></html>'
).encode("shift_jis")

BROKEN = b"""<html lang=''><title>Broken &amp; bad</title><body><div><table><tr><img src="a.jpg" alt="in a table"<td>
<img src=b.jpg alt="no end quote of the class" class=x"y><b><p></b><img alt="twice" alt="second" src=c.jpg src=no.jpg>
<img/src=d.jpg/alt=slashes><\x00img src=no.jpg alt=nul><img src="e\x00.jpg" alt="nul \x00 inside">
<<img src=f.jpg alt=lt>
</div></div></p><img src="g.jpg" alt="cut off"""

NEWS_URL, SHOP_URL = "https://news.example/2024/storm.html", "https://www.shop.example/schuhe/?id=1"
WIKI_URL, BLOG_URL = "http://fr.wiki.example/wiki/Tour", "http://blog.example/2009/10/"
NEKO_URL, BROKEN_URL = "http://neko.example/", "http://broken.example/x/y"
NEWS_TITLE = "Storm hits the coast — News"


def rows_of(page: str, title: str, language: str | None, *pairs: tuple[str, str]) -> list[Row]:
    return [Row(url, caption, title, page, language) for url, caption in pairs]


@dataclass(frozen=True)
class Planted:
    """`images`, `no_alt`, `bad_url`: what must be counted."""

    url: str
    body: bytes
    rows: list[Row]
    images: int
    no_alt: int = 0
    bad_url: int = 0
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html"})


PAGES = [
    Planted(
        NEWS_URL,
        NEWS,
        rows_of(
            NEWS_URL,
            NEWS_TITLE,
            "en",
            ("https://img.news.example/storm-1200.jpg?w=1200&q=80", "Waves & wind over the pier"),
            ("https://img.news.example/storm-1200.jpg?w=1200&q=80", "Waves & wind over the pier"),
            ("https://news.example/2024/photos/b.jpg", "A fallen tree"),
            ("https://news.example/img/1x1.png", "Spacer alone"),
            ("https://news.example/2024/c.jpg", "Rescue boat"),
        ),
        images=7,
        no_alt=2,
    ),
    Planted(
        SHOP_URL,
        SHOP,
        rows_of(
            SHOP_URL,
            "Schuhe",
            "de",
            ("https://www.shop.example/schuhe/s-1600.jpg", "Roter Schuh"),
            ("https://cdn.shop.example/f_auto,w_200/t.jpg", "Stiefel"),
            ("https://www.shop.example/p.jpg", "Sandale"),
            ("https://www.shop.example/q-2.webp", "Pantoffel"),
            ("https://www.shop.example/x_900.jpg", "Clog"),
            ("https://www.shop.example/gr%C3%B6%C3%9Fe/%C3%BC.jpg?farbe=gr%C3%BCn", "Umlaut"),
        ),
        images=7,
        bad_url=1,
        headers={"Content-Type": "text/html; charset=UTF-8", "Content-Language": "it"},
    ),
    Planted(
        WIKI_URL,
        WIKI,
        rows_of(
            WIKI_URL,
            "Tour Eiffel",
            "fr",
            ("http://static.wiki.example/w/eiffel-1.5.jpg", "La tour Eiffel"),
            ("http://static.wiki.example/w/?action=raw&file=a.png", "Plan"),
            ("http://static.wiki.example/w/b/c.png", "Carte"),
            ("http://static.wiki.example/d%20.png", "Espace"),
        ),
        images=6,
        bad_url=2,
    ),
    Planted(
        BLOG_URL,
        BLOG,
        rows_of(
            BLOG_URL,
            "Meu blog",
            "pt",
            ("http://blog.example/2009/10/pic1.jpg", "Um gato"),
            ("http://blog.example/2009/10/pic2.jpg", "Um cão"),
            ("http://blog.example/2009/10/pic1.jpg", "Um gato"),
            ("https://blog.example/s.jpg", "secret"),
        ),
        images=4,
    ),
    Planted(
        NEKO_URL,
        JAPANESE,
        rows_of(
            NEKO_URL,
            "猫の写真",
            "ja",
            ("http://neko.example/neko.jpg?q=%94L", "白い猫が眠る"),
            ("http://neko.example/%E8%A1%A8.jpg", "表"),
        ),
        images=2,
        headers={"Content-Type": "text/html", "content-language": "ja-JP"},
    ),
    Planted(
        BROKEN_URL,
        BROKEN,
        rows_of(
            BROKEN_URL,
            "Broken & bad",
            None,
            ("http://broken.example/x/a.jpg", "in a table"),
            ("http://broken.example/x/b.jpg", "no end quote of the class"),
            ("http://broken.example/x/c.jpg", "twice"),
            ("http://broken.example/x/e%EF%BF%BD.jpg", "nul \ufffd inside"),
            ("http://broken.example/x/f.jpg", "lt"),
        ),
        images=6,
        no_alt=1,
    ),
]


def record(url: str, block: bytes, kind: str = "response", media: str = "application/http; msgtype=response") -> bytes:
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n"
    head += f"WARC-Record-ID: <urn:uuid:{abs(hash(url)):032x}>\r\nContent-Type: {media}\r\n"
    return f"{head}Content-Length: {len(block)}\r\n\r\n".encode() + block + b"\r\n\r\n"


def answer(body: bytes, headers: dict[str, str] | None = None, status: str = "200 OK") -> bytes:
    fields = {"Content-Type": "text/html", "Server": "x"} if headers is None else headers
    return b"".join(
        [f"HTTP/1.1 {status}\r\n".encode(), *(f"{k}: {v}\r\n".encode() for k, v in fields.items()), b"\r\n", body]
    )


def members(records: list[bytes]) -> list[bytes]:
    """Each a gzip member of its own, the same bytes for the same records."""
    return [gzip.compress(one, mtime=0) for one in records]


def warc_records() -> list[bytes]:
    """What a crawler writes: a warcinfo, requests, and answers of which six are pages."""
    found = [record("http://x.example/", b"software: test\r\n", "warcinfo", "application/warc-fields")]
    for page in PAGES:
        found.append(record(page.url, b"GET / HTTP/1.1\r\n\r\n", "request", "application/http; msgtype=request"))
        found.append(record(page.url, answer(page.body, page.headers)))
    found.append(record("http://x.example/a.jpg", answer(b"\xff\xd8\xff" * 50, {"Content-Type": "image/jpeg"})))
    found.append(record("http://x.example/gone", answer(b"<html><img src=a alt=b>", status="404 Not Found")))
    return found


def wat_record(url: str, page: dict | None, headers: dict[str, str] | None = None) -> bytes:
    answered = {"Headers": headers or {}, **({"HTML-Metadata": page} if page is not None else {})}
    envelope = {
        "WARC-Header-Metadata": {"WARC-Target-URI": url, "WARC-Type": "response"},
        "Payload-Metadata": {"HTTP-Response-Metadata": answered},
    }
    data = {"Container": {"Filename": "x.warc.gz", "Offset": "1"}, "Envelope": envelope}
    return record(url, json.dumps(data).encode(), "metadata", "application/json")


def as_stream(*records: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(records))
