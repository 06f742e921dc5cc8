"""A folder of image files and a table of file and caption."""

import os
from collections.abc import Iterator
from typing import Any

from curate import schema as c
from curate.errors import InputError
from pipelines.inputs import places, urls
from pipelines.inputs.rows import asked, bad
from pipelines.recipe import Input

BYTES_FROM = "file:"


def _list(given: Input) -> Input:
    assert given.images is not None
    return given.model_copy(update={"urls": given.images.table, "url_column": given.file_column})


def sources(given: Input) -> list[str]:
    assert given.images is not None
    return [*urls.sources(_list(given)), *_files(given.images.folder).values()]


def columns(given: Input) -> tuple[str, ...]:
    return urls.columns(_list(given))


def _files(folder: str) -> dict[str, str]:
    found = {}
    for path in places.expand(folder, "folder of images"):
        found[places.base_name(path)] = path
    return found


def read(given: Input) -> Iterator[dict[str, Any]]:
    assert given.images is not None
    present = _files(given.images.folder)
    matched = False
    for row in urls.read(_list(given)):
        source, number, name = row[c.SOURCE], row[c.ROW], row.get(c.URL)
        if row.get(c.OUTCOME):
            yield row
        elif name not in present or os.path.basename(name) != name:
            yield bad(source, number, f"row {number}: no such file: {name!r}", row[c.CAPTION])
        else:
            matched = True
            more = {c.TAR: f"{BYTES_FROM}{present[name]}", c.LABEL: row.get(c.LABEL)}
            yield asked(source, number, None, row[c.CAPTION], **more)
    if not matched:
        raise InputError(
            f"{given.images.table}: none of its files is in {given.images.folder}",
            "the column file holds base names, such as 0001.jpg (input.file_column names it)",
        )
