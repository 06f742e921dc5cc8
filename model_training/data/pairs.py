"""Training pairs: an image with its texts, from a WebDataset shard or an image table, local or at an fsspec URL."""

import hashlib
import io
import json
import math
import posixpath
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import IO, Any

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, sha256
from curate.tars import IMAGES, index, split_key
from model_training.data.captions import Caption
from model_training.evaluation import image_table

WANTED = frozenset((*IMAGES, "txt", "json"))  # extensions of what is read of a sample


@dataclass(frozen=True)
class Pair:
    """An image of a shard and every text that it may be trained with, best first."""

    key: str
    image: bytes  # the file as it lies there
    texts: tuple[Caption, ...]
    sha256: str | None  # of the image as downloaded, where the shard tells: what folds are drawn by
    digest: bytes  # of `image`: names its pixels in a cache


def read_pairs(place: str, *, texts: bool = True, digest: str | None = None) -> Iterator[Pair]:
    """The pairs of a .tar (any WebDataset) or a .parquet image table (columns jpg, caption), in its order.

    Samples without an image are passed over, and with `texts` those without any text. `digest`: the sha256 that the
    file must have. Raises InputError for a damaged file (webdataset itself ends at a broken header without a word)
    and for one that is not what its digest says.
    """
    read = _of_table if place.endswith(".parquet") else _of_tar
    for pair in read(place, digest):
        if pair.texts or not texts:
            yield pair


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
        data = folder.read(name)
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
    try:
        if not folder.local:
            return io.BytesIO(folder.read(name))
        stream: IO[bytes] = folder.open(name)
        return stream
    except OSError as error:
        raise InputError(f"{place}: cannot be read ({error.strerror or error})", "check the shard's path") from error


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
    return Pair(key, image, texts, sha256, blake2b(image, digest_size=16).digest())


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
    return _usable(found), sha256 if isinstance(sha256, str) else None


def _usable(texts: Any) -> tuple[Caption, ...]:
    return tuple(text for text in map(_caption, texts) if text.text.strip())


def _caption(given: Any) -> Caption:
    about = given if isinstance(given, dict) else {c.TEXT: given}
    text, origin, scores = about.get(c.TEXT), about.get(c.ORIGIN), about.get(c.SCORES)
    # JSON can spell half a character (a lone surrogate), at which tokenizers stop.
    whole = text.encode("utf-8", "replace").decode() if isinstance(text, str) else ""
    known = {n: float(s) for n, s in scores.items() if _is_number(s)} if isinstance(scores, dict) else {}
    return Caption(whole, origin if isinstance(origin, str) else None, known)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
