"""A folder on any fsspec URL in which a file exists whole or not at all.

Local: temporary name, fsync, rename, fsync of the folder. Remote: one put of the whole object.
A worker *stages* a file under its attempt's name; only the driver *publishes* it under the final one, so
that a worker that outlived its driver cannot overwrite what a newer attempt made.
"""

import errno
import hashlib
import json
import os
import posixpath
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import IO, Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from curate.errors import InputError, MachineError

CHUNK = 1 << 20
ATTEMPT = ".attempt-"


Content = bytes | IO[bytes]  # a file that is read from its beginning


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def content_sha256(data: Content) -> tuple[str, int]:
    """The hash and the bytes that it is of."""
    if isinstance(data, bytes):
        return sha256(data), len(data)
    data.seek(0)
    return hashlib.file_digest(data, "sha256").hexdigest(), data.tell()  # type: ignore[arg-type]


def file_sha256(path: str, hint: str = "") -> str:
    """Of a local file that the user names. Raises InputError, with the hint, where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})", hint) from error


def canonical_json(value: object) -> bytes:
    """Sorted keys, no spaces to choose, a final newline: the same value gives the same bytes."""
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()


def table_bytes(table: pa.Table) -> bytes:
    """Parquet with page checksums: without them most flipped bits read back as other data."""
    sink = BytesIO()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True, store_schema=True)
    return sink.getvalue()


def parse_table(data: bytes, columns: list[str] | None = None) -> pa.Table:
    return open_parquet(pa.BufferReader(data)).read(columns)


def open_parquet(source: Any) -> pq.ParquetFile:
    """A Parquet file from a local path or from bytes in memory, never from a Python stream.

    Arrow's threads let go of what they read when they like; one that lets go of a Python object while the
    interpreter ends takes the process down with it.
    """
    return pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=False)


@dataclass(frozen=True)
class Folder:
    """A root folder or URL. Picklable; names inside it are relative, with `/`.

    `mounts`: (name, root) pairs. What lies at or below such a name is read and written in that other root, under
    the same name: a round sees the pool of its run as its own, and nothing is copied.
    """

    root: str
    mounts: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _store(self) -> tuple[Any, str]:
        # Workers write what the driver then looks for: a listing that was remembered would not have it.
        return fsspec.core.url_to_fs(self.root, **({} if self.local else {"use_listings_cache": False}))

    def at(self, name: str, mounts: Sequence[str] = ()) -> "Folder":
        """A folder inside this one, that sees these names of this one as its own."""
        known = dict(self.mounts)
        return Folder(self.url(name), tuple((mount, known.get(mount, self.root)) for mount in sorted(mounts)))

    def _root_of(self, name: str) -> "Folder":
        for mount, root in self.mounts:
            if name == mount or name.startswith(f"{mount}/"):
                return Folder(root)
        return self

    def _fs(self, name: str) -> Any:
        """The file system that holds a name; None where it is this machine's own."""
        home = self._root_of(name)
        return None if home.local else home._store[0]

    @property
    def local(self) -> bool:
        return "://" not in self.root or self.root.startswith("file://")

    def path(self, name: str = "") -> str:
        """The path that the file system behind this folder understands."""
        base = self._root_of(name)._store[1]
        return posixpath.join(base, name) if name else base

    def url(self, name: str = "") -> str:
        """The path as a user would write it."""
        root = self._root_of(name).root
        return posixpath.join(root, name) if name else root

    # -- reading --------------------------------------------------------------------------------
    def exists(self, name: str) -> bool:
        fs, path = self._fs(name), self.path(name)
        return bool(fs.exists(path)) if fs else os.path.exists(path)

    def is_folder(self, name: str) -> bool:
        fs, path = self._fs(name), self.path(name)
        return bool(fs.isdir(path)) if fs else os.path.isdir(path)

    def size(self, name: str) -> int:
        fs, path = self._fs(name), self.path(name)
        return int(fs.size(path)) if fs else os.path.getsize(path)

    def names(self, under: str = "") -> list[str]:
        """Base names of the files and folders directly under a folder, sorted; none if it is missing."""
        found = set(self._listed(under))
        for mount, _ in self.mounts:
            head, tail = posixpath.split(mount)
            if head == under and self.exists(mount):
                found.add(tail)
        return sorted(found)

    def _listed(self, under: str) -> list[str]:
        fs, path = self._fs(under), self.path(under)
        try:
            if not fs:
                return os.listdir(path)
            return [posixpath.basename(p.rstrip("/")) for p in fs.ls(path, detail=False)]
        except FileNotFoundError:
            return []

    def open(self, name: str) -> Any:
        fs, path = self._fs(name), self.path(name)
        return fs.open(path, "rb") if fs else open(path, "rb")

    def read(self, name: str) -> bytes:
        try:
            with self.open(name) as stream:
                return stream.read()
        except FileNotFoundError as error:
            raise InputError(f"{self.url(name)}: there is no such file") from error

    def read_json(self, name: str) -> Any:
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise InputError(f"{self.url(name)}: not readable as JSON ({error})") from error

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        try:
            source = pa.BufferReader(self.read(name)) if self._fs(name) else self.path(name)
            with open_parquet(source) as file:
                return file.read(columns)
        except FileNotFoundError as error:
            raise InputError(f"{self.url(name)}: there is no such file") from error
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self.url(name)}: not readable as Parquet ({error})") from error

    def sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        with self.open(name) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    # -- writing --------------------------------------------------------------------------------
    def write(self, name: str, data: bytes) -> None:
        """The whole file or nothing."""
        staged = self.stage(name, f"{os.getpid()}", data)
        self.publish(staged, name)

    def stage(self, name: str, attempt: str, data: Content) -> str:
        """Write under the attempt's name, durably. Returns that name."""
        head, tail = posixpath.split(name)
        staged = posixpath.join(head, f"{ATTEMPT}{attempt}-{tail}")
        fs, path = self._fs(name), self.path(staged)
        try:
            if fs:
                _put(fs, path, data)
                return staged
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as stream:
                _pour(data, stream)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise _machine_error(error, self.url(name), content_sha256(data)[1]) from error
        return staged

    def publish(self, staged: str, name: str) -> None:
        """Give a staged file its final name, replacing what was there."""
        fs = self._fs(name)
        if fs:
            fs.mv(self.path(staged), self.path(name))
            return
        try:
            os.replace(self.path(staged), self.path(name))
            _sync_folder(os.path.dirname(self.path(name)))
        except OSError as error:
            raise _machine_error(error, self.url(name), 0) from error

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        fs, path = self._fs(name), self.path(name)
        if fs:
            if fs.exists(path):
                fs.rm_file(path)
            return
        try:
            os.unlink(path)
        except FileNotFoundError:
            return

    def sweep(self, under: str) -> None:
        """Remove what broken attempts left in a folder."""
        for name in self.names(under):
            if name.startswith(ATTEMPT):
                self.remove(posixpath.join(under, name))

    def walk(self, under: str = "") -> Iterator[str]:
        """Names of all files below a folder, sorted, relative to this folder."""
        base = self.path()
        for path in sorted(self._store[0].find(self.path(under))):
            yield posixpath.relpath(path, base)


def _put(fs: Any, path: str, data: Content) -> None:
    if isinstance(data, bytes):
        fs.pipe_file(path, data)
        return
    with fs.open(path, "wb") as stream:
        _pour(data, stream)


def _pour(data: Content, stream: IO[bytes]) -> None:
    if isinstance(data, bytes):
        stream.write(data)
    else:
        data.seek(0)
        shutil.copyfileobj(data, stream, CHUNK)


def _sync_folder(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _machine_error(error: OSError, place: str, need: int) -> MachineError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            f"{place}: the disk is full ({need:,} bytes were to be written)",
            "free some space, then run the same command again; it goes on where it was",
        )
    return MachineError(f"{place}: cannot be written ({error.strerror or error})", "check the folder's rights")
