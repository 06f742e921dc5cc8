"""The items of an evaluation set: an image, the texts that belong to it, and its label.

Unlike a pool, an evaluation set must be whole: whatever cannot be read is an error, because a set without its
difficult items is another set, and its numbers are not comparable.
"""

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from PIL.Image import Image

from curate.errors import InputError
from curate.images import Failed, decode
from model_training.evaluation import image_table, webdataset

READERS = {".parquet": image_table.samples, ".tar": webdataset.samples}


@dataclass(frozen=True)
class Item:
    """One image of an evaluation set. It, with its texts, is the unit that intervals resample."""

    key: str  # the file and the place in it: `eval/objects.parquet: row 17`, `eval/pairs.tar: 000017`
    image: bytes  # the file as it lies there; untrusted
    texts: tuple[str, ...]
    label: image_table.Label  # a class's name, or its number in digits; a tuple where a set gives several

    def rgb(self) -> Image:
        """The image as RGB, by the same door as everything downloaded. Raises InputError if it is damaged."""
        decoded = decode(self.image)
        if isinstance(decoded, Failed):
            raise InputError(
                f"{self.key}: {decoded.message}", "an evaluation set must be whole: fetch it again, or leave this out"
            )
        return decoded.image


@dataclass(frozen=True)
class DecodedItem(Item):
    """An item that holds its pixels, for sets that several encoders are judged by."""

    pixels: Image

    def rgb(self) -> Image:
        return self.pixels


def data_files(places: Sequence[str], said: str = "`data` under `eval`", split: str = "test") -> list[str]:
    """The local files that paths and globs name: in the order given, sorted within a glob, each once.

    A folder stands for its SPLIT/*.tar, as CLIP_benchmark's WebDatasets lie, or else for its own *.tar.
    Raises InputError for a place without files and for a file that is neither a .parquet nor a .tar.
    """
    found: list[str] = []
    for place in places:
        named = _named(place, split)
        if not named:
            raise InputError(f"{place}: there is no such file", f"check {said} in the recipe")
        found += named
    for path in found:
        if os.path.splitext(path)[1] not in READERS:
            raise InputError(f"{path}: neither a .parquet nor a .tar", f"check {said} in the recipe")
    return list(dict.fromkeys(found))


def _named(place: str, split: str) -> list[str]:
    if os.path.isdir(place):
        folder = glob.escape(place)
        return sorted(glob.glob(f"{folder}/{glob.escape(split)}/*.tar") or glob.glob(f"{folder}/*.tar"))
    return [place] if os.path.isfile(place) else sorted(filter(os.path.isfile, glob.glob(place, recursive=True)))


def read_items(places: Sequence[str], said: str = "`data` under `eval`", split: str = "test") -> Iterator[Item]:
    """The items of image tables and WebDataset tars, a few at a time, in the order of the files and rows.

    Raises InputError for what `data_files` refuses, damaged files, rows without an image and a set without items.
    """
    empty = True
    for path in data_files(places, said, split):
        for place, image, texts, label in READERS[os.path.splitext(path)[1]](path):
            empty = False
            yield Item(f"{path}: {place}", image, texts, label)
    if empty:
        raise InputError(f"{', '.join(places) or 'data'}: holds no image", "name a file with images")


@dataclass(frozen=True)
class OnDisk:
    """A set that is too large to be held: read anew each time that its items are asked for."""

    read: Callable[[], Iterator[Item]]

    def __iter__(self) -> Iterator[Item]:
        return self.read()


@dataclass(frozen=True)
class Room:
    """The memory that a loaded evaluation may take."""

    decoded: int = 1 << 30  # of pixels, at Pillow's 4 bytes each: an image beyond is decoded when a model asks
    files: int = 2 << 30  # on disk: a larger set is read anew for each model

    def shared(self, count: int) -> "Room":
        """Of each of `count` evaluations that are loaded together."""
        return Room(self.decoded // max(1, count), self.files // max(1, count))


def loaded(read: Callable[[], Iterator[Item]], files: Sequence[str], room: Room) -> tuple[Iterable[Item], Room]:
    """The items of these files, held and decoded as far as there is room, or else `OnDisk`; and the room that is left.

    What is not held has not been read yet: go through it where the reading checks it.
    """
    size = sum(map(os.path.getsize, files))
    if size > room.files:
        return OnDisk(read), room
    items, left = decoded(read(), room.decoded)
    return items, Room(left, room.files - size)


def bare(items: Iterable[Item]) -> list[Item]:
    """Their places, texts and labels, without bytes and pixels."""
    return [Item(item.key, b"", item.texts, item.label) for item in items]


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`, the last one shorter."""
    stream = iter(items)
    while part := list(islice(stream, size)):
        yield part


def decoded(items: Iterable[Item], budget: int) -> tuple[tuple[Item, ...], int]:
    """The items, decoded until their pixels take `budget` bytes (at Pillow's 4 a pixel), and what is left of it.

    From there on items hold their files' bytes, and are decoded when a model asks.
    """
    found: list[Item] = []
    for item in items:
        if budget > 0:
            pixels = item.rgb()
            budget -= 4 * pixels.width * pixels.height
            if budget >= 0:
                item = DecodedItem(item.key, item.image, item.texts, item.label, pixels)
        found.append(item)
    return tuple(found), budget
