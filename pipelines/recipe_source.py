"""A recipe's YAML with the line and column of every key, read with limits: it may come from anybody."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from curate.errors import InputError, RecipeError
from curate.files import Folder

Location = tuple[str | int, ...]
MAX_BYTES = 1_000_000
MAX_DEPTH = 30
MAX_NODES = 50_000


@dataclass
class Source:
    name: str  # as the user wrote it
    base: Path  # the folder that relative paths are seen from
    data: dict[str, Any]
    marks: dict[Location, tuple[int, int]] = field(default_factory=dict)
    changed: dict[Location, str] = field(default_factory=dict)

    @classmethod
    def read(cls, name: str) -> "Source":
        """A recipe at a path, or at any fsspec URL; from there its own paths must be absolute or URLs."""
        if "://" in name:
            folder, _, base = name.rpartition("/")
            return cls.parse(Folder(folder).read(base), name, Path("/"))
        path = Path(name)
        try:
            raw = path.read_bytes()
        except IsADirectoryError as error:
            raise InputError(f"{path}: this is a folder, not a recipe", f"did you mean {path}/recipe.yaml?") from error
        except OSError as error:
            raise InputError(f"{path}: there is no such recipe", "curate init DIR writes one to start from") from error
        return cls.parse(raw, str(path), path.resolve().parent)

    @classmethod
    def parse(cls, raw: bytes, name: str, base: Path) -> "Source":
        if len(raw) > MAX_BYTES:
            raise RecipeError(f"{name}: {len(raw):,} bytes are too many for a recipe")
        try:
            text = raw.decode("utf-8")
            root = yaml.compose(text, Loader=yaml.SafeLoader)
            marks: dict[Location, tuple[int, int]] = {}
            if root is not None:
                _walk(root, (), marks, [0], name)
            data = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            at = f"{mark.line + 1}:{mark.column + 1}: " if mark else " "
            raise RecipeError(f"{name}:{at}not YAML: {error.problem}") from error
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise RecipeError(f"{name}: not readable as YAML ({type(error).__name__})") from error
        if not isinstance(data, dict):
            raise RecipeError(f"{name}:1:1: a recipe is a mapping: `name: ...` and so on")
        return cls(name, base, data, marks)

    def change(self, setting: str) -> None:
        """`download.timeout=5`, or `filters.NAME.key=value` for the filter of that name or type."""
        path, equals, value = setting.partition("=")
        if not equals or not path:
            raise RecipeError(f"--set {setting}: write it as key=value, such as download.timeout=5")
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"--set {setting}: the value is not YAML") from error
        keys = path.split(".")
        where: Any = self.data
        location: list[str | int] = []
        if keys[0] == "filters" and len(keys) >= 3:
            i, kind = self._filter(keys[1], setting)
            where = self.data["filters"][i]
            where[kind] = dict(where[kind] or {})
            where, location, keys = where[kind], ["filters", i, kind], keys[2:]
        for key in keys[:-1]:
            inner = where.get(key)
            where[key] = dict(inner) if isinstance(inner, dict) else {}
            where = where[key]
            location.append(key)
        where[keys[-1]] = parsed
        self.changed[(*location, keys[-1])] = setting

    def _filter(self, name: str, setting: str) -> tuple[int, str]:
        names = []
        for i, item in enumerate(self.data.get("filters") or []):
            if isinstance(item, dict) and len(item) == 1:
                kind, parameters = next(iter(item.items()))
                called = (parameters or {}).get("name", kind) if isinstance(parameters, dict | None) else kind
                if called == name:
                    return i, kind
                names.append(str(called))
        close = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names) or 'none'}"
        raise RecipeError(f"--set {setting}: no filter of the recipe is called {name!r}; {hint}")

    def report(self, problems: list[tuple[Location, str]]) -> str:
        """A line per problem, in the order of the file."""
        return "\n".join(text for _, text in sorted((self._mark(at), self.place(at, m)) for at, m in problems))

    def _mark(self, at: Location) -> tuple[int, int]:
        while at and at not in self.marks:
            at = at[:-1]
        return self.marks.get(at, (1, 1))

    def place(self, at: Location, message: str) -> str:
        """`file:line:col: message`, at the key itself or the nearest thing around it that is in the file."""
        for known, setting in self.changed.items():
            if at[: len(known)] == known:
                return f"--set {setting}: {message}"
        line, column = self._mark(at)
        return f"{self.name}:{line}:{column}: {message}"


def _walk(node: yaml.Node, at: Location, marks: dict[Location, tuple[int, int]], count: list[int], name: str) -> None:
    count[0] += 1
    if len(at) > MAX_DEPTH or count[0] > MAX_NODES:  # aliases of aliases count each time they are used
        raise RecipeError(f"{name}:{node.start_mark.line + 1}:1: nested too deeply or too large for a recipe")
    marks.setdefault(at, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            if key.value in seen:
                raise RecipeError(f"{name}:{line}:{column}: the key {key.value!r} is there twice")
            seen.add(key.value)
            inner = (*at, key.value)
            marks[inner] = (line, column)
            _walk(value, inner, marks, count, name)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            _walk(value, (*at, i), marks, count, name)
