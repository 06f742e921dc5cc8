"""The classes of a zero-shot evaluation and the sentences they are put in: classes.yaml."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from curate.errors import InputError
from model_training.evaluation.items import Item

HINT = 'write `{classes: [cat, dog], templates: ["a photo of a {}."]}`'
SLOT = "{}"


@dataclass(frozen=True)
class Classes:
    """Class names and prompt templates, both in the order of the file; each template has one `{}`."""

    classes: tuple[str, ...]
    templates: tuple[str, ...]
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", {name: number for number, name in enumerate(self.classes)})
        if not any(name.isdecimal() for name in self.classes):
            self._numbers.update({str(number): number for number in range(len(self.classes))})

    @classmethod
    def load(cls, path: str) -> "Classes":
        """Read classes.yaml. Raises InputError, with the line where there is one, for anything but what is meant."""
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
        for template in templates:
            if template.count(SLOT) != 1:
                raise InputError(f"{path}: template {template!r} has not exactly one {SLOT}", HINT)
        return cls(classes, templates)

    def prompts(self, name: str) -> list[str]:
        return [template.replace(SLOT, name) for template in self.templates]

    def number(self, item: Item) -> int:
        """The class of an item. Raises InputError for a label that is not among the classes.

        A label is a class's name. Where no class is named by a number, it may also be the class's number from 0:
        integer columns, and the .cls of WebDataset.
        """
        if item.label is None:
            raise InputError(f"{item.key}: has no label", "zero-shot classification needs one for every image")
        if item.label not in self._numbers:
            raise InputError(
                f"{item.key}: label {item.label!r} is not among the {len(self.classes)} classes",
                f"correct the label, or add it to the classes file; it has {', '.join(self.classes[:5])}, ...",
            )
        return self._numbers[item.label]


def _texts(found: dict[str, Any], name: str, path: str) -> tuple[str, ...]:
    given = found.get(name)
    if not isinstance(given, list) or not given:
        raise InputError(f"{path}: `{name}` is missing or is no list with something in it", HINT)
    for number, text in enumerate(given):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{path}: {name}[{number}] is {text!r}, not a text", "put it in quotation marks")
    return tuple(given)
