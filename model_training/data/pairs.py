"""Training pairs: an image with its texts, from a WebDataset shard or an image table, local or at an fsspec URL."""

import hashlib
import io
import json
import math
import posixpath
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import islice
from typing import IO, Any

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, sha256
from curate.tars import IMAGES, index, split_key
from model_training.data.captions import Caption
from model_training.evaluation import image_table

WANTED = frozenset((*IMAGES, "txt", "json"))  # extensions of what is read of a sample
PAUSES = (0.5, 2.0)  # seconds, each before a file is read again that could not be read
_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
# A file system that says this will say it again.
_FINAL = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


@dataclass(frozen=True)
class Pair:
    """An image of a shard and every text that it may be trained with, best first."""

    key: str
    image: bytes  # the file as it lies there
    texts: tuple[Caption, ...]
    sha256: str | None  # of the image as downloaded, where the shard tells: what folds are drawn by

    @cached_property
    def digest(self) -> bytes:
        """Of `image`: names its pixels in a cache. Taken when it is asked for, by the thread that decodes."""
        return blake2b(self.image, digest_size=16).digest()


def read_pairs(place: str, *, texts: bool = True, digest: str | None = None) -> Iterator[Pair]:
    """The pairs of a .tar (any WebDataset) or a .parquet image table (columns jpg, caption), in its order.

    Samples without an image are passed over, and with `texts` those without any text. `digest`: the sha256 that the
    file must have. Raises InputError for a damaged file (webdataset itself ends at a broken header without a word),
    for one that is not what its digest says, and for one that is not there. What else cannot be read (a network or a
    store that is busy) is read again from where it stopped, after PAUSES; then the OSError is raised as it is.
    """
    read, given = _of_table if place.endswith(".parquet") else _of_tar, 0
    for pause in (*PAUSES, None):
        try:
            for pair in islice(read(place, digest), given, None):
                given += 1
                if pair.texts or not texts:
                    yield pair
            return
        except OSError:
            if pause is None:
                raise
            time.sleep(pause)


def _of_table(place: str, digest: str | None) -> Iterator[Pair]:
    folder, name = _parted(place)
    if folder.local:
        if digest is not None:
            with _opened(place) as stream:
                _check(stream, place, digest)
        for key, image, texts, _ in image_table.samples(folder.path(name)):
            yield _pair(key, image, _usable(texts), None)
        return
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        data = _read(folder, name, place)
        if digest is not None and sha256(data) != digest:
            raise _other(place)
        copy.write(data)
        copy.flush()
        try:
            yield from _of_table(copy.name, None)
        except InputError as error:
            raise InputError(error.message.replace(copy.name, place), error.hint) from error


def _of_tar(place: str, digest: str | None) -> Iterator[Pair]:
    with _opened(place) as stream:
        if digest is not None:
            _check(stream, place, digest)
        for key, sample in _samples(stream, place):
            found = next((sample[e] for e in IMAGES if e in sample), None)
            if found is not None:
                yield _pair(key, found, *_texts(sample))


def _samples(stream: IO[bytes], place: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A sample is members of one key that lie together, as webdataset reads it; extension -> content."""
    key: str | None = None
    sample: dict[str, bytes] = {}
    for member in index(stream, place):
        this, extension = split_key(member.name)
        if this != key:
            if key is not None:
                yield key, sample
            key, sample = this, {}
        if extension in sample:
            raise InputError(f"{place}: duplicate member {member.name!r}", "write the tar anew")
        if extension in WANTED:
            stream.seek(member.offset)
            sample[extension] = stream.read(member.size)
    if key is not None:
        yield key, sample


def _opened(place: str) -> IO[bytes]:
    """A stream that can seek. A remote shard is read whole: its pairs are all held in memory anyway."""
    folder, name = _parted(place)
    if not folder.local:
        return io.BytesIO(_read(folder, name, place))
    try:
        stream: IO[bytes] = folder.open(name)
        return stream
    except _FINAL as error:
        raise _unreadable(place, error) from error


def _read(folder: Folder, name: str, place: str) -> bytes:
    try:
        return folder.read(name)
    except _FINAL as error:
        raise _unreadable(place, error) from error


def _unreadable(place: str, error: OSError) -> InputError:
    return InputError(f"{place}: cannot be read ({error.strerror or error})", "check the shard's path")


def _check(stream: IO[bytes], place: str, digest: str) -> None:
    if hashlib.file_digest(stream, "sha256").hexdigest() != digest:  # type: ignore[arg-type]
        raise _other(place)
    stream.seek(0)


def _other(place: str) -> InputError:
    return InputError(
        f"{place}: not the bytes that the manifest beside it says were written",
        "curate run RECIPE writes the damaged shard again",
    )


def _parted(place: str) -> tuple[Folder, str]:
    head, name = posixpath.split(place)
    return Folder(head or "."), name


def _pair(key: str, image: bytes, texts: tuple[Caption, ...], sha256: str | None) -> Pair:
    return Pair(key, image, texts, sha256)


def _texts(sample: dict[str, bytes]) -> tuple[tuple[Caption, ...], str | None]:
    """`texts` of our own .json, else the .txt, else the .json's `caption`; a damaged .json has nothing to say."""
    try:
        about = json.loads(sample.get("json", b"{}"))
    except (ValueError, RecursionError):
        about = {}
    about = about if isinstance(about, dict) else {}
    listed = about.get(c.TEXTS)
    if isinstance(listed, list):
        found = listed
    elif "txt" in sample:
        found = [sample["txt"].decode("utf-8", "replace")]
    else:
        caption = about.get(c.CAPTION)
        found = caption if isinstance(caption, list) else [caption]
    sha256 = about.get(c.SHA256)
    told = isinstance(sha256, str) and _SHA256.fullmatch(sha256)
    return _usable(found), told[0].lower() if told else None


def _usable(texts: Any) -> tuple[Caption, ...]:
    return tuple(text for text in map(_caption, texts) if text.text.strip())


def _caption(given: Any) -> Caption:
    about = given if isinstance(given, dict) else {c.TEXT: given}
    text, origin, scores = about.get(c.TEXT), about.get(c.ORIGIN), about.get(c.SCORES)
    # JSON can spell half a character (a lone surrogate), at which tokenizers stop.
    whole = text.encode("utf-8", "replace").decode() if isinstance(text, str) else ""
    numbers = {n: _number(s) for n, s in scores.items()} if isinstance(scores, dict) else {}
    known = {name: number for name, number in numbers.items() if number is not None}
    return Caption(whole, origin if isinstance(origin, str) else None, known)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # JSON has whole numbers of any length
        return None
    return number if math.isfinite(number) else None
