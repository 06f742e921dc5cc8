"""Tar shards: the same members give the same bytes, and a damaged tar is an error, not a shorter one.

`tarfile` ends its iteration without a word at a broken header, and webdataset does the same; so the
index checks that what follows the last member is the end-of-archive mark.
"""

import io
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from curate.errors import InputError

BLOCK = tarfile.BLOCKSIZE
IN_MEMORY = 4 << 20  # bytes of a tar
IMAGES = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "avif")  # extensions of a sample's image, by preference


@dataclass(frozen=True)
class Member:
    name: str
    offset: int  # of the data, bytes
    size: int


class TarBuilder:
    """Builds one tar: no times, no owners, USTAR names, members in the order given.

    A large one is built in a temporary file, so that what strangers send does not fill the memory.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
        self._tar: Any = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, name: str, data: bytes) -> Member:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        self._tar.addfile(info, io.BytesIO(data))
        self._tar.members = []  # tarfile remembers every member otherwise
        end = self._tar.offset
        padded = -(-len(data) // BLOCK) * BLOCK
        return Member(name, end - padded, len(data))

    def finish(self) -> bytes | IO[bytes]:
        """The tar, or for a large one the file that it is in, to be read from its beginning."""
        self._tar.close()
        size = self._file.tell()
        self._file.seek(0)
        return self._file if size > IN_MEMORY else self._file.read()

    def close(self) -> bytes:
        """The whole tar."""
        done = self.finish()
        return done if isinstance(done, bytes) else done.read()


def index(stream: IO[bytes], place: str) -> Iterator[Member]:
    """The regular members of a tar, in order, without reading their data. `place` names it in errors."""
    length = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    try:
        tar: Any = tarfile.TarFile(fileobj=stream, mode="r")
    except tarfile.TarError as error:
        raise _damaged(place, 0, str(error)) from error
    while True:
        try:
            info = tar.next()
        except (tarfile.TarError, EOFError) as error:
            raise _damaged(place, tar.offset, str(error)) from error
        if info is None:
            break
        if info.offset_data + info.size > length:
            raise _damaged(place, info.offset_data, f"{info.name!r} is cut")
        if info.isreg():
            yield Member(info.name, info.offset_data, info.size)
        tar.members = []  # tarfile remembers every member otherwise
    stream.seek(tar.offset)
    if stream.read(BLOCK) != b"\0" * BLOCK and not _at_zero_mark(stream, tar.offset):
        raise _damaged(place, tar.offset, "there is no end-of-archive mark")


def _at_zero_mark(stream: IO[bytes], offset: int) -> bool:
    # tarfile may stand behind the first of the two zero blocks.
    stream.seek(max(0, offset - BLOCK))
    return stream.read(BLOCK) == b"\0" * BLOCK


def _damaged(place: str, offset: int, what: str) -> InputError:
    return InputError(
        f"{place}: damaged tar at byte {offset:,}: {what}", "fetch this tar again, or take it off the input"
    )


def split_key(name: str) -> tuple[str, str]:
    """webdataset's rule: the key ends at the first dot of the base name, the extension is the rest."""
    folder, _, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return (f"{folder}/{stem}" if folder else stem), extension.lower()


def grouped(members: Iterable[Member], path: str) -> Iterator[tuple[str, dict[str, Member]]]:
    """key -> extension -> member. Raises InputError for a sample whose members do not lie together."""
    key: str | None = None
    held: dict[str, Member] = {}
    seen: set[str] = set()
    for member in members:
        this, extension = split_key(member.name)
        if this != key:
            if key is not None:
                yield key, held
            if this in seen:
                raise InputError(f"{path}: the members of {this!r} do not lie together", "write the tar anew")
            key, held = this, {}
            seen.add(this)
        held[extension] = member
    if key is not None:
        yield key, held
