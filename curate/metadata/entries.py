"""The file of a list of concepts: one entry per line in UTF-8, or a JSON list of strings as MetaCLIP's is.

An entry is kept as it is written, spaces and case included; empty ones and later copies are left out. Its
place among the rest, from 0, is its number.
"""

import json

from curate.errors import InputError
from curate.files import sha256

HINT = "one entry per line, or a JSON list of strings; `curate.metadata.build` makes one"


def read_entries(path: str, expected_sha256: str | None = None) -> list[str]:
    """The entries of a local file, in order. Raises InputError; also where the file is not the one expected."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})", HINT) from error
    if expected_sha256 is not None and sha256(data) != expected_sha256:
        raise InputError(f"{path}: is not the file that it was when the run began", "run the same command again")
    return parse_entries(data, path)


def parse_entries(data: bytes, name: str) -> list[str]:
    """The entries in a file's bytes. `name` is for the error."""
    try:
        text = data.decode("utf-8-sig")
        # Not splitlines: an entry may hold one of the rarer characters that it takes for a line's end.
        found = json.loads(text) if name.endswith(".json") else text.split("\n")
    except ValueError as error:
        raise InputError(f"{name}: not readable as a list of entries ({error})", HINT) from error
    if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
        raise InputError(f"{name}: not a list of strings", HINT)
    if not name.endswith(".json"):
        found = [line.removesuffix("\r") for line in found]
    entries = list(dict.fromkeys(entry for entry in found if entry))
    if any(not entry.isprintable() and _half(entry) for entry in entries):
        raise InputError(f"{name}: an entry holds half a character (a lone surrogate)", HINT)
    if not entries:
        raise InputError(f"{name}: holds no entry", HINT)
    return entries


def _half(entry: str) -> bool:
    """JSON can spell one half of a pair of UTF-16; no text holds that."""
    return any("\ud800" <= character <= "\udfff" for character in entry)
