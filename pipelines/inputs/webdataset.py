"""WebDataset tars, read in place: only headers are read here, and a damaged tar is an error.

A sample's texts are, in this order of preference: `texts` of its .json (a dataset of ours), its .txt, the
`caption` of its .json. url, uid and label come from the .json (img2dataset, DataComp).
"""

import json
from collections.abc import Iterator
from typing import Any

from curate import schema as c
from curate.tars import IMAGES, Member, grouped, index, split_key
from pipelines.inputs import places
from pipelines.inputs.rows import asked, bad, clean, is_uid, original
from pipelines.recipe import Input

MAX_SIDE_FILE = 1_000_000  # bytes of a .txt or .json that are believed


def sources(given: Input) -> list[str]:
    assert given.webdataset is not None
    return [path for path in places.expand(given.webdataset, "tar") if path.endswith(".tar")]


def columns(given: Input) -> tuple[str, ...]:
    return given.caption_column, given.url_column, given.label_column


def samples(stream: Any, path: str) -> Iterator[tuple[str, dict[str, Member]]]:
    """key -> extension -> member. Raises InputError for a sample whose members do not lie together."""
    # `._0.jpg` and the like, which macOS adds: webdataset passes over them too
    return grouped((m for m in index(stream, path) if split_key(m.name)[0].rpartition("/")[2]), path)


def read(given: Input) -> Iterator[dict[str, Any]]:
    for source, path in places.named(sources(given)):
        with places.open_bytes(path) as stream, places.open_bytes(path) as side:
            for number, (key, members) in enumerate(samples(stream, path)):
                yield from _rows(source, number, key, members, side, path, given)


def _rows(
    source: str, number: int, key: str, members: dict[str, Member], side: Any, path: str, given: Input
) -> Iterator[dict[str, Any]]:
    image = next((members[e] for e in IMAGES if e in members), None)
    if image is None:
        yield bad(source, number, f"{key!r}: no image among {', '.join(sorted(members))}")
        return
    about = _json(members.get("json"), side)
    text = _content(members.get("txt"), side)
    listed = about.get(c.TEXTS)
    if isinstance(listed, list) and listed and all(isinstance(t, dict) for t in listed):
        captions = [(t.get(c.TEXT), t.get(c.UID)) for t in listed]
    else:
        caption = text.decode("utf-8", "replace") if text is not None else about.get(given.caption_column)
        captions = [(caption, about.get(c.UID))]
    for caption, uid in captions:
        yield asked(
            source,
            number,
            about.get(given.url_column),
            caption,
            **{
                c.UID: uid if is_uid(uid) else None,  # somebody else's id is none of ours
                c.LABEL: clean(about.get(given.label_column)),
                **original(about),
                c.TAR: path,
                c.OFFSET: image.offset,
                c.SIZE: image.size,
            },
        )


def _content(member: Member | None, side: Any) -> bytes | None:
    if member is None or member.size > MAX_SIDE_FILE:
        return None
    side.seek(member.offset)
    return side.read(member.size)


def _json(member: Member | None, side: Any) -> dict[str, Any]:
    data = _content(member, side)
    try:
        found = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
