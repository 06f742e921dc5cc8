"""Which columns of a list are read: the recipe's names looked up in the names that each file has.

A column that the recipe names otherwise than by its default has to be there. Captions under the default name may be
missing, as a list of bare URLs has none; then no file of the input has them, or the one that has not is refused.
"""

from collections.abc import Sequence
from typing import Any

from curate import schema as c
from curate.errors import InputError
from pipelines.recipe import Input

SHOWN = 20  # names in an error


class Header:
    def __init__(self, given: Input) -> None:
        self._names = {
            c.URL: (given.url_column, "url_column"),
            c.CAPTION: (given.caption_column, "caption_column"),
            c.LABEL: (given.label_column, "label_column"),
            c.SHA256: (given.hash_column, "hash_column"),
        }
        fields = Input.model_fields
        self._needed = {c.URL} | {role for role, (name, key) in self._names.items() if name != fields[key].default}
        self._captions: dict[bool, str] = {}  # are there captions? -> the first file that says so
        self._met: set[str] | None = None  # names met among the objects of a JSON file

    def of(self, names: Sequence[str], path: str) -> dict[str, str]:
        """role -> column, of a file that has these. Raises InputError for what is missing, or there twice."""
        found = {}
        for role, (name, key) in self._names.items():
            if name in names:
                found[role] = name
                continue
            alike = [other for other in names if other.strip().casefold() == name.strip().casefold()]
            if role in self._needed or (alike and role in (c.CAPTION, c.SHA256)):
                self._missing(name, key, alike[0] if alike else None, names, path)
        if c.UID in names:
            found[c.UID] = c.UID
        for name in found.values():
            if list(names).count(name) > 1:
                raise InputError(f"{path}: the column {name!r} is there twice", "rename one of them in the list")
        self._captions.setdefault(c.CAPTION in found, path)
        if len(self._captions) == 2:
            raise InputError(
                f"{self._captions[False]}: no column {self._names[c.CAPTION][0]!r}, which {self._captions[True]} has",
                "give the lists with captions and those without in recipes of their own, or add the column",
            )
        return found

    def of_objects(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Columns of JSON objects: each may lack any name, as long as some object of the file has what is needed."""
        self._met = self._met or set()
        roles = {role: name for role, (name, _) in self._names.items()} | {c.UID: c.UID}
        found = {role: [record.get(name) for record in records] for role, name in roles.items()}
        for role in self._needed - {c.URL} - self._met:
            if any(roles[role] in record for record in records):
                self._met.add(role)
        return found

    def end(self, path: str) -> None:
        """The file ends. Raises InputError if no object in it had a column that the recipe names."""
        met, self._met = self._met, None
        for role in sorted(self._needed - {c.URL} - (self._needed if met is None else met)):
            name, key = self._names[role]
            raise InputError(f"{path}: no object has the key {name!r}", f"set input.{key} in the recipe")

    def _missing(self, name: str, key: str, alike: str | None, names: Sequence[str], path: str) -> None:
        if alike is not None:
            raise InputError(f"{path}: no column {name!r}, but {alike!r}", f"set input.{key}: {alike!r} in the recipe")
        raise InputError(
            f"{path}: no column {name!r}; there are {', '.join(repr(other[:60]) for other in names[:SHOWN])}",
            f"set input.{key} in the recipe" + (" (and caption_column)" if key == "url_column" else ""),
        )
