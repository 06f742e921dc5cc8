"""An evaluation of the recipe, run on an encoder."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from curate.errors import InputError
from curate.files import file_sha256
from curate.protocols import ImageTextEncoder
from model_training.evaluation.classes import Classes
from model_training.evaluation.hits import Metric
from model_training.evaluation.items import DecodedItem, Item, data_files, read_items
from model_training.evaluation.retrieval import captions, retrieval
from model_training.evaluation.zero_shot import zero_shot

BATCH = 256
HINT = "check `eval` in the recipe"
DECODED_BYTES = 1 << 30  # of pixels that a loaded evaluation holds, at Pillow's 4 bytes each


@dataclass(frozen=True)
class Evaluation:
    """What the recipe says: a name, what is asked, the files (local paths and globs), and classes.yaml."""

    name: str
    kind: Literal["zero_shot", "retrieval"]
    data: tuple[str, ...]
    classes: str | None = None


@dataclass(frozen=True)
class Loaded:
    """An evaluation in memory: its files were read once, whatever number of encoders it judges."""

    evaluation: Evaluation
    items: tuple[Item, ...]
    classes: Classes | None  # for zero_shot


def load(evaluation: Evaluation, budget: int = DECODED_BYTES) -> Loaded:
    """Read an evaluation, and check every label or caption before a model is asked.

    Images are decoded here until their pixels take `budget` bytes; from there on the items hold their files'
    bytes, and are decoded when an encoder asks. Raises InputError for what cannot be read or used.
    """
    classes = _classes(evaluation)
    items: list[Item] = []
    for item in read_items(evaluation.data):
        if classes:
            classes.number(item)
        else:
            captions(item)
        if budget > 0:
            pixels = item.rgb()
            budget -= 4 * pixels.width * pixels.height
            if budget >= 0:
                item = DecodedItem(item.key, item.image, item.texts, item.label, pixels)
        items.append(item)
    return Loaded(evaluation, tuple(items), classes)


def evaluate(encoder: ImageTextEncoder, given: Evaluation | Loaded, batch: int = BATCH) -> list[Metric]:
    """The metrics of one encoder. To judge several, `load` the evaluation once and give what it returns."""
    loaded = given if isinstance(given, Loaded) else load(given)
    if loaded.classes:
        return zero_shot(encoder, loaded.items, loaded.classes, batch)
    return retrieval(encoder, loaded.items, batch=batch)


def content(evaluation: Evaluation) -> str:
    """sha256 over the content of the data files, in their order, and of the classes file: 64 hex digits.

    Names and paths do not bear on it. Raises InputError for a file that is not there.
    """
    digest = hashlib.sha256()
    for path in data_files(evaluation.data):
        digest.update(f"data {file_sha256(path, HINT)}\n".encode())
    if evaluation.classes is not None:
        digest.update(f"classes {file_sha256(evaluation.classes, HINT)}\n".encode())
    return digest.hexdigest()


def _classes(evaluation: Evaluation) -> Classes | None:
    if evaluation.kind == "retrieval":
        return None
    if evaluation.classes is None:
        raise InputError(
            f"evaluation {evaluation.name!r}: zero_shot has no classes", "add `classes: eval/classes.yaml` to it"
        )
    return Classes.load(evaluation.classes)
