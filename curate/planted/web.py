"""Plants a small web with known truth: a list of URLs, what they serve, and what is right and wrong with it.

    folder/urls.parquet                    url, caption: what a user would have
    folder/truth.parquet                   the same rows in the same order, and everything that is so of them
    folder/pages.parquet, pages/bodies.bin how each URL answers, for `PlantedServer`
    folder/eval/objects.parquet, classes.yaml, pairs.parquet
    folder/trusted.parquet                 correct pairs: pictures of their own, captions as good ones of the web are

Every byte is a function of (seed, pairs, evaluation). `composition` has the table of what is planted.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate import schema
from curate.errors import CurateError
from curate.planted.addresses import HOSTS, addresses, sample_host
from curate.planted.alt_texts import alt_texts
from curate.planted.answers import Page, pages_of
from curate.planted.composition import Kind, kind_counts
from curate.planted.evaluation import pictures_of, write_classes, write_table
from curate.planted.files import assign
from curate.planted.pictures import CONTENT_TYPES, Made
from curate.planted.rows import Draft, choose, draft_rows
from curate.planted.scenes import CLASSES, Split
from curate.planted.separate import make_all
from curate.planted.truth_table import mark_in_order, truth_table
from curate.uid import draw_int

PAGES_SCHEMA = {
    "url": pl.String,
    "behaviour": pl.String,
    "content_type": pl.String,
    "headers": pl.String,  # JSON
    "location": pl.String,
    "offset": pl.Int64,  # in pages/bodies.bin
    "size": pl.Int64,
}


@dataclass(frozen=True)
class PlantedWeb:
    """Where everything is."""

    folder: Path
    urls: Path
    truth: Path
    objects: Path
    classes: Path
    pairs: Path
    trusted: Path
    hosts: tuple[str, ...]


def planted_web(folder: Path) -> PlantedWeb:
    """The paths of a planted folder."""
    tests = folder / "eval"
    return PlantedWeb(
        folder=folder,
        urls=folder / "urls.parquet",
        truth=folder / "truth.parquet",
        objects=tests / "objects.parquet",
        classes=tests / "classes.yaml",
        pairs=tests / "pairs.parquet",
        trusted=folder / "trusted.parquet",
        hosts=HOSTS,
    )


def plant(folder: Path, *, seed: int, pairs: int = 3000, evaluation: int = 800, workers: int = 2) -> PlantedWeb:
    """Writes everything under `folder`; `workers` processes, which change no byte of it.

    `pairs` rows in the list and a quarter as many trusted pairs; `evaluation` labelled images and a quarter as many
    retrieval pairs. Raises `CurateError` for too few of either, or for more than can all look different.
    """
    leaked = kind_counts(pairs)[Kind.LEAKED]
    if evaluation < max(CLASSES, leaked):
        least = max(CLASSES, leaked)
        raise CurateError(f"{evaluation} evaluation images are too few", f"ask for {least} or more")
    objects = pictures_of(seed, Split.OBJECTS, evaluation)
    retrieval = pictures_of(seed, Split.PAIRS, evaluation // 4)
    trusted = pictures_of(seed, Split.TRUSTED, pairs // 4)
    rows = choose(seed, leaked, evaluation, "leak")
    drafts = draft_rows(seed, pairs, [(row, objects[row].scene, objects[row].size) for row in rows])
    objects, pool, files = assign(drafts, objects)

    web = planted_web(folder)
    web.objects.parent.mkdir(parents=True, exist_ok=True)
    pictures = [*objects, *retrieval, *trusted, *pool]
    made = {p.name: m for p, m in zip(pictures, make_all(seed, pictures, workers), strict=True)}
    tables = (objects, web.objects, True), (retrieval, web.pairs, True), (trusted, web.trusted, False)
    for group, path, full in tables:
        write_table(seed, group, [made[picture.name][0] for picture in group], path, full=full)
    write_classes(seed, web.classes)
    images = [None if file is None else made[file.picture][file.index] for file in files]
    _write_web(seed, web, drafts, images)
    return web


def _write_web(seed: int, web: PlantedWeb, drafts: list[Draft], images: list[Made | None]) -> None:
    formats = [d.format if m is None else m.format for d, m in zip(drafts, images, strict=True)]
    urls = addresses(seed, drafts, formats)
    truth = truth_table(drafts, images, urls, alt_texts(seed, drafts))
    order = sorted(range(len(drafts)), key=lambda i: draw_int(seed, drafts[i].name, "order"))
    truth = mark_in_order(truth[order])
    truth.select(schema.URL, schema.CAPTION).write_parquet(web.urls)
    truth.write_parquet(web.truth)
    pages: list[Page] = []
    for draft, image, url in zip(drafts, images, urls, strict=True):
        if draft.same_url:
            continue
        body = b"" if image is None else image.body
        content_type = "text/html" if image is None else CONTENT_TYPES[image.format]
        host = sample_host(random.Random(draw_int(seed, draft.name, "second host")))
        pages += pages_of(url, draft.behaviour, body, content_type, host)
    _write_pages(web.folder, pages)


def _write_pages(folder: Path, pages: Sequence[Page]) -> None:
    """The bodies in one file, equal ones once, and the table that says where each is."""
    bodies = folder / "pages" / "bodies.bin"
    bodies.parent.mkdir(parents=True, exist_ok=True)
    offsets: dict[bytes, int] = {}
    rows = []
    with bodies.open("wb") as file:
        for page in pages:
            digest = hashlib.sha256(page.body).digest()
            if digest not in offsets:
                offsets[digest] = file.tell()
                file.write(page.body)
            served = page.url, page.behaviour.value, page.content_type, page.headers_json(), page.location
            rows.append((*served, offsets[digest], len(page.body)))
    pl.DataFrame(rows, schema=PAGES_SCHEMA, orient="row").write_parquet(folder / "pages.parquet")
