"""The classes of an evaluation and the sentences they are put in: classes.yaml, or the two files that
LAION-AI/CLIP_benchmark lays beside a WebDataset (classnames.txt, zeroshot_classification_templates.txt with {c}).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from curate.errors import InputError
from model_training.evaluation.items import Item

HINT = 'write `{classes: [cat, dog], templates: ["a photo of a {}."]}`'
SLOT, THEIR_SLOT = "{}", "{c}"
NAMES, TEMPLATES = "classnames.txt", "zeroshot_classification_templates.txt"


@dataclass(frozen=True)
class Classes:
    """Class names and prompt templates, both in the order of the file; each template has one `{}`.

    `numbered`: digits are always a class's number, as CLIP_benchmark's labels are.
    """

    classes: tuple[str, ...]
    templates: tuple[str, ...]
    numbered: bool = False
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {name: number for number, name in enumerate(self.classes)})
        if self.numbered or not any(name.isdecimal() for name in self.classes):
            self._numbers.update({str(number): number for number in range(len(self.classes))})

    @classmethod
    def load(cls, path: str) -> "Classes":
        """Read classes.yaml, or CLIP_benchmark's files where `path` is a folder.

        Raises InputError, with the line where there is one, for anything but what is meant.
        """
        if os.path.isdir(path):
            names, templates = (_lines(file) for file in class_files(path))
            templates = tuple(template.replace(THEIR_SLOT, SLOT) for template in templates)
            _refuse_odd(templates, class_files(path)[1])
            return cls(names, templates, numbered=True)
        try:
            found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror or error})", HINT) from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
            raise InputError(f"{place}: not YAML: {error.problem}", HINT) from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise InputError(f"{path}: not YAML: {str(error).splitlines()[0]}", HINT) from error
        if not isinstance(found, dict):
            raise InputError(f"{path}: holds no `classes` and `templates`", HINT)
        classes, templates = (_texts(found, name, path) for name in ("classes", "templates"))
        if repeated := sorted({name for name in classes if classes.count(name) > 1}):
            raise InputError(f"{path}: class {repeated[0]!r} is there twice", "a class is one line")
        _refuse_odd(templates, path)
        return cls(classes, templates)

    @classmethod
    def of_labels(cls, items: Iterable[Item]) -> "Classes":
        """The labels that there are, in the order of the alphabet, or of their numbers where all are numbers."""
        names = {item.label for item in items if isinstance(item.label, str)}
        by_number = all(name.isdecimal() for name in names)
        return cls(tuple(sorted(names, key=lambda name: (int(name) if by_number else 0, name))), (SLOT,))

    def prompts(self, name: str) -> list[str]:
        return [template.replace(SLOT, name) for template in self.templates]

    def number(self, item: Item) -> int:
        """The class of an item. Raises InputError for a label that is not among the classes.

        A label is a class's name. Where no class is named by a number, it may also be the class's number from 0:
        integer columns, and the .cls of WebDataset.
        """
        if not isinstance(item.label, str):
            several = item.label is not None
            raise InputError(
                f"{item.key}: has {'several labels' if several else 'no label'}", "it needs one for every image"
            )
        return self._number(item.label, item.key)

    def numbers(self, item: Item) -> tuple[int, ...]:
        """The classes of an item that may show several or, being without a label, none."""
        given = (item.label,) if isinstance(item.label, str) else item.label or ()
        return tuple(self._number(label, item.key) for label in given)

    def _number(self, label: str, place: str) -> int:
        if label not in self._numbers:
            raise InputError(
                f"{place}: label {label!r} is not among the {len(self.classes)} classes",
                f"correct the label, or add it to the classes file; it has {', '.join(self.classes[:5])}, ...",
            )
        return self._numbers[label]


def class_files(path: str) -> list[str]:
    """The files that a place of classes stands for: itself, or the two of a CLIP_benchmark folder."""
    return [f"{path}/{NAMES}", f"{path}/{TEMPLATES}"] if os.path.isdir(path) else [path]


def _lines(path: str) -> tuple[str, ...]:
    hint = f"a folder of classes has {NAMES} and {TEMPLATES}, a line each"
    try:
        found = tuple(line.strip() for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})", hint) from error
    if not found:
        raise InputError(f"{path}: is empty", hint)
    return found


def _refuse_odd(templates: Iterable[str], path: str) -> None:
    for template in templates:
        if template.count(SLOT) != 1:
            raise InputError(f"{path}: template {template!r} has not exactly one {SLOT}", HINT)


def _texts(found: dict[str, Any], name: str, path: str) -> tuple[str, ...]:
    given = found.get(name)
    if not isinstance(given, list) or not given:
        raise InputError(f"{path}: `{name}` is missing or is no list with something in it", HINT)
    for number, text in enumerate(given):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{path}: {name}[{number}] is {text!r}, not a text", "put it in quotation marks")
    return tuple(given)
