"""Evaluation images in WebDataset tars: our own datasets', and those of CLIP_benchmark.

Texts are, in this order of preference: `texts` of the .json (ours), the lines of the .txt (several captions of
one image are several lines in LAION-AI/CLIP_benchmark), the `caption` of the .json. The label is the `label` of
the .json (one, or a list), else the .cls.
"""

import json
from collections.abc import Iterator
from typing import IO, Any

from curate import schema as c
from curate.errors import InputError
from curate.tars import IMAGES, Member, grouped, index
from model_training.evaluation.image_table import Sample, as_label

MAX_SIDE_FILE = 1_000_000  # bytes of a .txt, .json or .cls that are believed


def samples(path: str) -> Iterator[Sample]:
    """The samples of a tar, in order; a sample's place is its key.

    Raises InputError for a damaged tar, a sample without an image or in two places, and a side file that is not
    what its name says.
    """
    try:
        with open(path, "rb") as headers, open(path, "rb") as data:
            for key, members in grouped(index(headers, path), path):
                yield _sample(key, members, data, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def _sample(key: str, members: dict[str, Member], data: IO[bytes], path: str) -> Sample:
    place = f"{path}: {key}"
    image = next((members[e] for e in IMAGES if e in members), None)
    if image is None:
        raise InputError(
            f"{place}: no image among {', '.join(sorted(members))}", "an evaluation set must be whole: write it anew"
        )
    about = _json(_text(members.get("json"), data, f"{place}.json"), f"{place}.json")
    label = about.get(c.LABEL)
    if label is None and (number := _text(members.get("cls"), data, f"{place}.cls")) is not None:
        label = number.strip()
    texts = _texts(about, _text(members.get("txt"), data, f"{place}.txt"), place)
    data.seek(image.offset)
    return key, data.read(image.size), texts, as_label(label)


def _texts(about: dict[str, Any], lines: str | None, place: str) -> tuple[str, ...]:
    listed = about.get(c.TEXTS)
    if isinstance(listed, list) and listed:
        found = [entry.get(c.TEXT) if isinstance(entry, dict) else entry for entry in listed]
    elif lines is not None:
        found = [line for line in lines.splitlines() if line.strip()]
    else:
        caption = about.get(c.CAPTION)
        found = [text for text in (caption if isinstance(caption, list) else [caption]) if text is not None]
    texts = tuple(text for text in found if isinstance(text, str))
    if len(texts) < len(found):
        raise InputError(f"{place}.json: a text that is no string", 'write `{"texts": [{"text": "..."}]}`')
    return texts


def _text(member: Member | None, data: IO[bytes], place: str) -> str | None:
    if member is None:
        return None
    if member.size > MAX_SIDE_FILE:
        raise InputError(f"{place}: {member.size:,} bytes; at most {MAX_SIDE_FILE:,} are read", "write the tar anew")
    data.seek(member.offset)
    try:
        return data.read(member.size).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: not UTF-8 at byte {error.start:,}", "write the tar anew, in UTF-8") from error


def _json(text: str | None, place: str) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: not readable as JSON ({error})", "write the tar anew") from error
    if not isinstance(found, dict):
        raise InputError(f"{place}: holds no JSON object", "write the tar anew")
    return found
