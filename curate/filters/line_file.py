"""Lists of words, domains or hashes: a text file, an entry per line; blank lines and `#` comments do not count."""

from collections.abc import Iterator
from pathlib import Path

from curate.errors import InputError


def lines(path: str, hint: str) -> Iterator[tuple[int, str]]:
    """The number and the text of every line with an entry. Raises InputError for a file that cannot be read."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as UTF-8 text ({error})", hint) from error
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.partition("#")[0].strip()
        if entry:
            yield number, entry
