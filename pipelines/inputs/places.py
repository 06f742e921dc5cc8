"""Files that a recipe names: paths, globs and URLs, opened by fsspec, gz by its ending."""

import gzip
import hashlib
import os
import posixpath
import shutil
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import IO

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from curate import files
from curate.errors import InputError


def expand(patterns: str | list[str], what: str) -> list[str]:
    """The files that paths and globs name, sorted within each pattern. Raises InputError for none."""
    found: list[str] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        fs, path = fsspec.core.url_to_fs(pattern)
        if any(mark in path for mark in "*?["):
            matches = sorted(p for p in fs.glob(path) if not fs.isdir(p))
        elif fs.isdir(path):
            matches = sorted(p for p in fs.ls(path, detail=False) if not fs.isdir(p) and _visible(p))
        else:
            matches = [path] if fs.exists(path) else []
        if not matches:
            raise InputError(f"{pattern}: there is no such {what}", "check `input` in the recipe")
        found += [fs.unstrip_protocol(p).removeprefix("file://") for p in matches]
    return list(dict.fromkeys(found))


def _visible(path: str) -> bool:
    return not posixpath.basename(path).startswith((".", "_"))


def open_bytes(path: str) -> IO[bytes]:
    try:
        fs, name = fsspec.core.url_to_fs(path)
        stream = fs.open(name, "rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror or error})") from error
    return gzip.GzipFile(fileobj=stream) if path.endswith(".gz") else stream  # type: ignore[return-value]


def open_parquet(path: str) -> pq.ParquetFile:
    """A Parquet file; a remote or gzipped one is copied to a temporary file first. Raises InputError."""
    try:
        fs, name = fsspec.core.url_to_fs(path)
        if not path.endswith(".gz") and isinstance(fs, LocalFileSystem):
            return files.open_parquet(name)
        with tempfile.NamedTemporaryFile(suffix=".parquet") as copy, open_bytes(path) as stream:
            shutil.copyfileobj(stream, copy, 1 << 20)
            copy.flush()
            return files.open_parquet(copy.name)  # stays open, and its name goes
    except (pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not readable as Parquet ({error})", "write the file anew") from error


def row_bytes(file: pq.ParquetFile, names: list[str]) -> int:
    """About how many bytes a row of these columns is in memory, at least 1: that of the largest row group."""
    most = 1
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        chunks = (group.column(i) for i in range(group.num_columns))
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in names)
        most = max(most, size // max(1, group.num_rows))
    return most


def content(path: str) -> str:
    """sha256 of a file's bytes as they lie there."""
    digest = hashlib.sha256()
    fs, name = fsspec.core.url_to_fs(path)
    with fs.open(name, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


Seen = dict[str, tuple[str, str]]  # path -> what its file system says of it, and the sha256 that it had then


def contents(paths: list[str], seen: Seen) -> Seen:
    """What every path is now. A file is read again unless its file system says that it is the same one."""

    def look(path: str) -> tuple[str, str]:
        mark, known = _mark(path), seen.get(path)
        return (mark, known[1]) if known is not None and known[0] == mark else (mark, content(path))

    with ThreadPoolExecutor(4) as threads:
        return dict(zip(paths, threads.map(look, paths), strict=True))


def _mark(path: str) -> str:
    """Of a local file size, inode, and the times of its last change, of which the second cannot be set back."""
    fs, name = fsspec.core.url_to_fs(path)
    if not isinstance(fs, LocalFileSystem):
        return str(fs.ukey(name))
    status = os.stat(name)
    return f"{status.st_size} {status.st_ino} {status.st_mtime_ns} {status.st_ctime_ns}"


def named(paths: list[str]) -> list[tuple[str, str]]:
    """(name, path): the base name, or as much more of the path's end as no file before it has for a name."""
    taken: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        ends = ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))
        taken[next(end for end in ends if end not in taken)] = path
    return list(taken.items())


def base_name(path: str) -> str:
    return posixpath.basename(path)
