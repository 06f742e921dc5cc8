"""Saved web pages and a crawl become a list of image URLs and alt-texts, each pair once."""

import gzip
import tempfile
from pathlib import Path

import polars as pl

from pipelines.extract.extract import extract
from pipelines.extract.sources import Options
from pipelines.progress import Quiet
from pipelines.recipe import Engine

PAGE = b"""<html lang="en"><title>Garden birds</title><base href="https://birds.example/photos/">
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src="robin.jpg" alt="A robin on a spade">
<noscript><img src="robin.jpg" alt="A robin on a spade"></noscript>
<img src="wren.jpg" srcset="wren-400.jpg 400w, wren-1600.jpg 1600w" alt="A wren in the hedge">
<img src="rule.png" alt="">"""


def record(url: str, page: bytes) -> bytes:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(answer)}\r\n\r\n"
    return gzip.compress(head.encode() + answer + b"\r\n\r\n")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    pages = [f'<img src="{i}.jpg" alt="bird number {i}">'.encode() for i in range(3)]
    crawl = b"".join(record(f"https://birds.example/{i}/", page) for i, page in enumerate(pages))
    (folder / "crawl.warc.gz").write_bytes(crawl)
    (folder / "saved.html").write_bytes(PAGE)
    files = [str(folder / "crawl.warc.gz"), str(folder / "saved.html")]
    found = extract(files, str(folder / "urls"), Options(), Engine(kind="serial"), Quiet())
    print(f"{found.images} images on {found.pages} pages: {found.rows} rows, left out {found.dropped}")
    print(pl.read_parquet(folder / "urls" / "*.parquet").select("url", "caption", "language"))
