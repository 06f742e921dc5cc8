"""A folder that img2dataset wrote (webdataset format): its tars are read in place, its failures are rows too.

img2dataset's own words say less than our outcomes; `error_message` keeps them and the outcome is read from it.
"""

import re
from collections.abc import Iterator
from typing import Any

from curate import schema as c
from curate.errors import InputError
from curate.schema import Outcome
from pipelines.inputs import places
from pipelines.inputs.rows import asked, original, own_uid
from pipelines.inputs.webdataset import IMAGES, samples
from pipelines.recipe import Input

# What img2dataset 1.47 and urllib say, first match wins.
MESSAGES: tuple[tuple[str, Outcome], ...] = (
    (r"HTTP Error 404", Outcome.NOT_FOUND),
    (r"HTTP Error 410", Outcome.GONE),
    (r"HTTP Error 429", Outcome.TOO_MANY_REQUESTS),
    (r"HTTP Error 4\d\d", Outcome.CLIENT_ERROR),
    (r"HTTP Error 3\d\d", Outcome.BAD_REDIRECT),
    (r"HTTP Error 5\d\d", Outcome.SERVER_ERROR),
    (r"timed out", Outcome.TIMEOUT),
    (r"Name or service not known|getaddrinfo|name resolution|No address", Outcome.DNS),
    (r"SSL|certificate", Outcome.TLS),
    (r"reset by peer|Remote end closed", Outcome.RESET),
    (r"refused|unreachable", Outcome.CONNECT),
    (r"IncompleteRead", Outcome.TRUNCATED_BODY),
    (r"disallowed by|directive", Outcome.OPTED_OUT),
    (r"hash mismatch", Outcome.HASH_MISMATCH),
    (r"area too large|Unable to allocate|Insufficient memory", Outcome.TOO_MANY_PIXELS),
    (r"too small", Outcome.TOO_SMALL),
    (r"aspect ratio", Outcome.BAD_ASPECT),
    (r"buf\.empty", Outcome.EMPTY_BODY),  # OpenCV's words
    (r"decoding", Outcome.DAMAGED_IMAGE),
    (r"unknown url type|control characters|no host|nonnumeric port|codec can't encode|Invalid IPv6", Outcome.BAD_URL),
)


def outcome(status: str | None, message: str | None) -> Outcome:
    """Our word for img2dataset's status and message."""
    if status == c.SUCCESS:
        return Outcome.OK
    for pattern, found in MESSAGES:
        if re.search(pattern, message or "", re.IGNORECASE):
            return found
    return Outcome.DAMAGED_IMAGE if status == c.FAILED_TO_RESIZE else Outcome.CONNECT


def _tables(given: Input) -> list[str]:
    assert given.img2dataset is not None
    present = places.expand(given.img2dataset, "folder")
    found = [path for path in present if path.endswith(".parquet")]
    if not found:
        raise InputError(
            f"{given.img2dataset}: no Parquet of img2dataset's is there",
            "it writes them with --output_format webdataset",
        )
    alone = sorted({path for path in present if path.endswith(".tar")} - {_tar(path) for path in found})
    if alone:
        raise InputError(
            f"{alone[0]}: no Parquet lies beside it ({len(alone)} of these tars have none)",
            "img2dataset writes it last: let it finish with the same command, or take the tar away",
        )
    return found


def sources(given: Input) -> list[str]:
    return [path for table in _tables(given) for path in (table, _tar(table))]


def columns(given: Input) -> tuple[str, ...]:
    return ()


def _tar(path: str) -> str:
    return path.removesuffix(".parquet") + ".tar"


def read(given: Input) -> Iterator[dict[str, Any]]:
    for source, path in places.named(_tables(given)):
        tar = _tar(path)
        with places.open_bytes(tar) as stream:
            members = {key: next((found[e] for e in IMAGES if e in found), None) for key, found in samples(stream, tar)}
        table = places.open_parquet(path).read()
        for number, record in enumerate(table.to_pylist()):
            yield _row(record, source, number, tar, members)


def _row(record: dict[str, Any], source: str, number: int, tar: str, members: dict[str, Any]) -> dict[str, Any]:
    state, message = outcome(record.get(c.STATUS), record.get(c.ERROR_MESSAGE)), record.get(c.ERROR_MESSAGE)
    image = members.get(str(record.get(c.KEY)))
    if state is Outcome.OK and image is None:
        state, message = Outcome.DAMAGED_IMAGE, f"{record.get(c.KEY)} is not in {places.base_name(tar)}"
    more: dict[str, Any] = {c.UID: own_uid(record.get(c.UID), source, number)}
    if state is Outcome.OK and image is not None:
        more |= {c.TAR: tar, c.OFFSET: image.offset, c.SIZE: image.size}
        more |= original(record)
    else:
        more |= {c.OUTCOME: str(state), c.ERROR_MESSAGE: message}
    return asked(source, number, record.get(c.URL), record.get(c.CAPTION), **more)
