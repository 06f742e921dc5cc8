"""The shards that paths, folders, globs, brace patterns and fsspec URLs name, as open_clip's users write them."""

import glob
import os
import posixpath
from collections.abc import Sequence
from typing import Any

import fsspec
from braceexpand import braceexpand

from curate.errors import InputError

READ = (".tar", ".parquet")
SHARDS = "shards"  # the folder in which DataComp's downloader puts them


def shard_files(places: Sequence[str], said: str = "--data") -> list[str]:
    """The .tar and .parquet files that the places name, sorted, each once.

    A place is a file; a folder, which stands for its *.tar, or those of its `shards` (DataComp's layout), or else its
    *.parquet; a glob; or a brace pattern, `{00000..00009}.tar`. Each may be at any URL that fsspec lists; a file that
    is named without a pattern is at any that it reads. Raises InputError for a command (`pipe:`), a place without
    files, a file of another kind, and a URL whose file system cannot be asked.
    """
    found: set[str] = set()
    for place in places:
        named = _named(place, said)
        for path in named:
            if posixpath.splitext(path)[1] not in READ:
                raise InputError(f"{path}: neither a .tar nor a .parquet", f"check {said}")
        found.update(named)
    return sorted(found)


def _named(place: str, said: str) -> list[str]:
    if place.startswith("pipe:"):
        raise InputError(f"{place}: a command is not run", "name the files by their URL: s3://, gs://, hf://, https://")
    if "://" not in place and os.path.exists(place):
        return _of_pattern(place, said)  # whatever characters its name has
    try:
        patterns = list(braceexpand(place))
    except ValueError as error:
        raise InputError(f"{place}: not a brace pattern ({error})", f"check {said}") from error
    return [path for pattern in patterns for path in _of_pattern(pattern, said)]


def _of_pattern(place: str, said: str) -> list[str]:
    try:
        found = _far(place) if "://" in place else _near(place)
    except (OSError, ImportError, ValueError) as error:
        raise InputError(f"{place}: cannot be listed ({str(error).strip() or error!r})", f"check {said}") from error
    if not found:
        raise InputError(f"{place}: there is no such shard", f"check {said}")
    return found


def _near(place: str) -> list[str]:
    if os.path.isdir(place):
        folder = glob.escape(place)
        patterns = (f"{folder}/*.tar", f"{folder}/{SHARDS}/*.tar", f"{folder}/*.parquet")
        return next(filter(None, map(glob.glob, patterns)), [])
    return [place] if os.path.isfile(place) else [p for p in glob.glob(place, recursive=True) if os.path.isfile(p)]


def _far(place: str) -> list[str]:
    fs, path = fsspec.core.url_to_fs(place)
    if glob.has_magic(path):
        return _urls(fs, fs.glob(path))
    if path.endswith(READ):
        return [place]
    tars = _listed(fs, path, ".tar") or _listed(fs, posixpath.join(path, SHARDS), ".tar")
    return _urls(fs, tars or _listed(fs, path, ".parquet"))


def _listed(fs: Any, folder: str, extension: str) -> list[str]:
    return [path for path in fs.ls(folder, detail=False) if path.endswith(extension)] if fs.isdir(folder) else []


def _urls(fs: Any, paths: Sequence[str]) -> list[str]:
    return [fs.unstrip_protocol(path) for path in paths]
