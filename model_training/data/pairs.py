"""Training pairs: an image with its texts, from a WebDataset shard or an image table, local or at an fsspec URL."""

import io
import json
import posixpath
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import IO, Any

from webdataset.tariterators import group_by_keys, tar_file_expander

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder
from curate.tars import IMAGES, index
from model_training.evaluation import image_table


@dataclass(frozen=True)
class Pair:
    """An image of a shard and every text that it may be trained with, best first."""

    key: str
    image: bytes  # the file as it lies there
    texts: tuple[str, ...]
    sha256: str | None  # of the image as downloaded, where the shard tells: what folds are drawn by
    digest: bytes  # of `image`: names its pixels in a cache


def read_pairs(place: str) -> Iterator[Pair]:
    """The pairs of a .tar (any WebDataset) or a .parquet image table (columns jpg, caption), in its order.

    Samples without an image or without any text are passed over. Raises InputError for a damaged file: webdataset
    itself ends at a broken header without a word.
    """
    yield from _of_table(place) if place.endswith(".parquet") else _of_tar(place)


def _of_table(place: str) -> Iterator[Pair]:
    folder, name = _parted(place)
    if folder.local:
        for key, image, texts, _ in image_table.samples(folder.path(name)):
            if usable := _usable(texts):
                yield _pair(key, image, usable, None)
        return
    with tempfile.NamedTemporaryFile(suffix=".parquet") as copy:
        copy.write(folder.read(name))
        copy.flush()
        try:
            yield from _of_table(copy.name)
        except InputError as error:
            raise InputError(error.message.replace(copy.name, place), error.hint) from error


def _of_tar(place: str) -> Iterator[Pair]:
    with _opened(place) as stream:
        for _ in index(stream, place):
            pass
        stream.seek(0)
        try:
            for sample in group_by_keys(tar_file_expander([{"url": place, "stream": stream}])):
                found: bytes | None = next((sample[e] for e in IMAGES if e in sample), None)
                texts, sha256 = _texts(sample)
                if found is not None and texts:
                    yield _pair(sample["__key__"], found, texts, sha256)
        except (ValueError, tarfile.TarError) as error:  # two members of one name; what the index let pass
            raise InputError(f"{place}: {error.args[0] if error.args else error}", "write the tar anew") from error


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


def _parted(place: str) -> tuple[Folder, str]:
    head, name = posixpath.split(place)
    return Folder(head or "."), name


def _pair(key: str, image: bytes, texts: tuple[str, ...], sha256: str | None) -> Pair:
    return Pair(key, image, texts, sha256, blake2b(image, digest_size=16).digest())


def _texts(sample: dict[str, Any]) -> tuple[tuple[str, ...], str | None]:
    """`texts` of our own .json, else the .txt, else the .json's `caption`; a damaged .json has nothing to say."""
    try:
        about = json.loads(sample.get("json", b"{}"))
    except (ValueError, RecursionError):
        about = {}
    about = about if isinstance(about, dict) else {}
    listed = about.get(c.TEXTS)
    if isinstance(listed, list):
        found = [text.get(c.TEXT) if isinstance(text, dict) else text for text in listed]
    elif "txt" in sample:
        found = [sample["txt"].decode("utf-8", "replace")]
    else:
        caption = about.get(c.CAPTION)
        found = caption if isinstance(caption, list) else [caption]
    sha256 = about.get(c.SHA256)
    return _usable(found), sha256 if isinstance(sha256, str) else None


def _usable(texts: Any) -> tuple[str, ...]:
    # JSON can spell half a character (a lone surrogate), at which tokenizers stop.
    whole = (text.encode("utf-8", "replace").decode() for text in texts if isinstance(text, str))
    return tuple(text for text in whole if text.strip())
