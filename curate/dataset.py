"""The dataset: WebDataset shards of kept images, each with one or more texts, byte for byte reproducible.

A sample is KEY.jpg, KEY.json and KEY.txt, the best text; one whose caption is null has no .txt and no texts.
Texts are ordered by the recipe's first score (higher first), web before synthetic, then uid. Images stand in
pool order; stored bytes are copied as they are. Nothing in a shard depends on time, place, workers or the order
of the pool's shards on disk.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from curate import schema as c
from curate.errors import InputError
from curate.files import sha256, table_bytes
from curate.pool import UNDER as POOL
from curate.pool import Pool, image_columns
from curate.tars import TarBuilder

VERSION = 2
UNDER = "dataset"

POOL_COLUMNS = (
    c.UID,
    c.IMAGE_UID,
    c.ORIGIN,
    c.URL,
    c.CAPTION,
    c.LABEL,
    c.WIDTH,
    c.HEIGHT,
    c.ORIGINAL_WIDTH,
    c.ORIGINAL_HEIGHT,
    c.SHA256,
    c.TAR,
    c.OFFSET,
    c.SIZE,
    c.STORED_SHA256,
)
IMAGE, SHARD = "image_number", "shard_number"
PLACE = "place"  # of a row's image in the pool: an appended text stands with the texts of its image


def arrange(frame: pl.DataFrame, scores: Sequence[str], samples_per_shard: int) -> pl.DataFrame:
    """The kept rows in the order of the dataset, with the numbers of their image and shard.

    frame   POOL_COLUMNS, KEEP, COPIES and the score columns; a row per sample in pool order. With appended samples
            also PLACE, and rows in any order
    """
    if PLACE not in frame.columns:
        frame = frame.with_row_index(PLACE)
    first = pl.col(PLACE).min().over(c.IMAGE_UID)
    texts: list[Any] = [pl.col(scores[0]).fill_nan(None)] if scores else []
    ordered = (
        frame.filter(pl.col(c.KEEP))
        .with_columns(first.alias("first"), (pl.col(c.ORIGIN) != c.WEB).alias("made"))
        .sort(
            "first",
            *texts,
            "made",
            c.UID,
            descending=[False] + [True] * len(texts) + [False, False],
            nulls_last=True,
        )
        .with_columns((pl.col("first").rank("dense").cast(pl.Int64) - 1).alias(IMAGE))
        .with_columns((pl.col(IMAGE) // samples_per_shard).alias(SHARD))
    )
    return ordered.select(*POOL_COLUMNS, c.COPIES, *scores, IMAGE, SHARD)


def build_shard(rows: pl.DataFrame, scores: Sequence[str], pool: Pool) -> tuple[bytes, bytes, int]:
    """One shard's tar and table, and how many samples they hold. `rows`: one shard of `arrange`.

    Raises InputError when the bytes of an image are not those that the pool was told of.
    """
    tar = TarBuilder()
    records: list[dict[str, Any]] = []
    images = rows.unique(IMAGE, keep="first", maintain_order=True)
    data = pool.images(*image_columns(images.to_arrow()))
    for image, texts in zip(data, _by_image(rows), strict=True):
        assert image is not None, "a kept sample has an image"
        _same_bytes(image, texts[0], pool)
        copies = max(row[c.COPIES] for row in texts)  # whichever text ranks first: one that was appended is there once
        for copy in range(copies):
            record = _record(texts, scores, copy, copies)
            records.append(record)
            key = record[c.KEY]
            body = {**record, c.TEXTS: json.loads(record[c.TEXTS])}
            tar.add(f"{key}.{extension(image)}", image)
            tar.add(f"{key}.json", json.dumps(body, ensure_ascii=False, sort_keys=True).encode())
            if record[c.CAPTION] is not None:
                tar.add(f"{key}.txt", record[c.CAPTION].encode())
    table = pa.Table.from_pylist(records, schema=c.DATASET)
    return tar.close(), table_bytes(table), len(records)


def _same_bytes(image: bytes, row: dict[str, Any], pool: Pool) -> None:
    known, found = row[c.STORED_SHA256], sha256(image)
    if known is not None and found != known:
        raise InputError(
            f"{_place(row[c.TAR], pool)}: what lies at byte {row[c.OFFSET]:,} is not the image of the row"
            f" {row[c.UID]} (sha256 {found[:12]}, the pool says {known[:12]})",
            "curate run RECIPE takes the file as it is now; put the old one back first if the change was a mistake",
        )


def _place(tar: str, pool: Pool) -> str:
    return tar if "/" in tar else pool.folder.url(f"{POOL}/{tar}")


def _by_image(rows: pl.DataFrame) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows.iter_rows(named=True):
        if group and group[0][IMAGE] != row[IMAGE]:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _record(rows: list[dict[str, Any]], scores: Sequence[str], copy: int, copies: int) -> dict[str, Any]:
    """One copy of so many of a sample. Rows without a text keep the image in, and are no texts of it."""
    texts = [row for row in rows if row[c.CAPTION] is not None]
    best = texts[0] if texts else rows[0]
    listed = [
        {
            c.UID: row[c.UID],
            c.TEXT: row[c.CAPTION],
            c.ORIGIN: row[c.ORIGIN],
            c.SCORES: {name: round(row[name], 6) for name in scores if row[name] is not None},
        }
        for row in texts
    ]
    same = (c.UID, c.IMAGE_UID, c.URL, c.CAPTION, c.LABEL, c.WIDTH, c.HEIGHT)
    sizes = (c.ORIGINAL_WIDTH, c.ORIGINAL_HEIGHT, c.SHA256)
    return {
        c.KEY: best[c.IMAGE_UID] if copies == 1 else f"{best[c.IMAGE_UID]}-{copy}",
        **{name: best[name] for name in (*same, *sizes)},
        c.TEXTS: json.dumps(listed, ensure_ascii=False, sort_keys=True),
    }


def extension(data: bytes) -> str:
    """By the bytes themselves; a name in a list or a header proves nothing."""
    if data.startswith(b"\x89PNG"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data.startswith(b"GIF8"):
        return "gif"
    return "jpg"


def card(name: str, samples: int, texts: int, shards: Sequence[str], funnel: Sequence[dict[str, Any]]) -> str:
    """README.md of a dataset folder, in the form of a Hugging Face dataset card. No times and no paths."""
    lines = [
        "---",
        f"pretty_name: {json.dumps(name, ensure_ascii=False)}",
        "configs:",
        "- config_name: default",
        '  data_files: "*.tar"',
        "---",
        "",
        f"# {name}",
        "",
        f"{samples:,} images with {texts:,} texts in {len(shards)} WebDataset shards. Each sample is `KEY.jpg`,"
        " `KEY.txt` (the best text) and `KEY.json` (every text with its uid, origin and scores).",
        "",
        "| stage | rule | in | added | dropped | kept | images |",
        "|---|---|---:|---:|---:|---:|---:|",
        *(
            f"| {r['stage']} | {r['rule']} | {r['in']:,} | {r['added']:,} | {r['dropped']:,}"
            f" | {r['kept']:,} | {r['images']:,} |"
            for r in funnel
        ),
        "",
        "The images belong to their owners; no licence is granted with this list of them.",
        "",
        "```python",
        "import webdataset as wds",
        "",
        'samples = wds.WebDataset("00000.tar").decode("pil").to_tuple("jpg;png;webp;gif", "json")',
        "```",
        "",
    ]
    return "\n".join(lines)


def croissant(name: str, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A Croissant 1.0 description: the shards and the columns of their tables."""
    types = {pa.string(): "sc:Text", pa.int32(): "sc:Integer"}
    distribution = [
        {
            "@type": "cr:FileObject",
            "@id": base,
            "name": base,
            "contentUrl": base,
            "contentSize": f"{record['bytes']} B",
            "encodingFormat": "application/x-tar" if base.endswith(".tar") else "application/x-parquet",
            "sha256": record["sha256"],
        }
        for base, record in sorted(files.items())
    ]
    tables: dict[str, Any] = {
        "@type": "cr:FileSet",
        "@id": "tables",
        "name": "tables",
        "encodingFormat": "application/x-parquet",
        "includes": "*.parquet",
    }
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"samples/{field.name}",
            "name": field.name,
            "dataType": types[field.type],
            "source": {"fileSet": {"@id": "tables"}, "extract": {"column": field.name}},
        }
        for field in c.DATASET
    ]
    return {
        "@context": {
            "@language": "en",
            "@vocab": "https://schema.org/",
            "sc": "https://schema.org/",
            "cr": "http://mlcommons.org/croissant/",
            "dct": "http://purl.org/dc/terms/",
            "conformsTo": "dct:conformsTo",
            "recordSet": "cr:recordSet",
            "field": "cr:field",
            "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "source": "cr:source",
            "fileSet": "cr:fileSet",
            "extract": "cr:extract",
            "column": "cr:column",
            "includes": "cr:includes",
        },
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "distribution": [*distribution, tables],
        "recordSet": [{"@type": "cr:RecordSet", "@id": "samples", "name": "samples", "field": fields}],
    }
