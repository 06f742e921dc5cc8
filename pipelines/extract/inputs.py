"""The files to read, and what tells that they are the same as before."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import fsspec

from curate.errors import InputError
from curate.files import Folder, canonical_json
from pipelines.inputs import places
from pipelines.workspace import SOURCES


@dataclass(frozen=True)
class File:
    """`identity`: a local file's sha256; of a remote one size, etag and date, for it would be read twice."""

    path: str
    size: int
    identity: str


def paths_of(patterns: list[str]) -> list[str]:
    """The files that paths, globs, folders and URLs name, in their order. Raises InputError."""
    try:
        return places.expand(patterns, "file")
    except InputError as error:
        raise InputError(error.message, "name WARC, WAT or HTML files, also .gz: paths, globs, URLs") from error


def files_of(paths: list[str], folder: Folder) -> list[File]:
    """What the files are now. Hashes are noted in the logs of `folder`."""
    local = [path for path in paths if "://" not in path]
    hashes = _hashes(local, folder)

    def look(path: str) -> File:
        if path in hashes:
            return File(path, os.path.getsize(path), hashes[path])
        fs, name = fsspec.core.url_to_fs(path)
        about: dict[str, Any] = fs.info(name)
        known = [str(about[key]) for key in ("size", "ETag", "etag", "LastModified", "mtime", "md5") if about.get(key)]
        return File(path, int(about.get("size") or 0), " ".join(known))

    with ThreadPoolExecutor(8) as threads:
        return list(threads.map(look, paths))


def _hashes(paths: list[str], folder: Folder) -> dict[str, str]:
    """path -> sha256. What was hashed before is noted in the logs, as it is for a run's inputs."""
    seen: places.Seen = {}
    if folder.local and folder.exists(SOURCES):
        try:
            seen = {path: (mark, digest) for path, (mark, digest) in json.loads(folder.read(SOURCES)).items()}
        except (ValueError, TypeError, AttributeError):
            seen = {}
    try:
        found = places.contents(paths, seen)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})", "check the file's rights") from error
    if folder.local and found != seen:
        folder.write(SOURCES, canonical_json(found))
    return {path: digest for path, (_, digest) in found.items()}
