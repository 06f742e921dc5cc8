"""Signals: what can be measured of one sample. One family per file; a family knows no threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import pyarrow as pa
from PIL.Image import Image


@dataclass
class Batch:
    """Some rows of a pool shard, decoded once for all families. An image that cannot be decoded is None."""

    uids: Sequence[str]
    captions: Sequence[str | None]
    images: Sequence[Image | None] = field(default_factory=list)
    contents: Sequence[str | None] = field(default_factory=list)  # sha256 of each image as downloaded

    def __len__(self) -> int:
        return len(self.uids)

    @cached_property
    def grey(self) -> list[Image | None]:
        """The images in 8-bit grey (Pillow's "L": ITU-R 601-2 luma), converted once."""
        return [image.convert("L") if image is not None else None for image in self.images]


class Signal(Protocol):
    """One family of columns."""

    @property
    def family(self) -> str: ...

    @property
    def version(self) -> int:
        """To be raised when the output for the same input changes."""
        ...

    @property
    def schema(self) -> pa.Schema: ...

    @property
    def reads_images(self) -> bool: ...

    def identity(self) -> tuple[object, ...]:
        """The parameters that bear on the value, a model's sha256 among them."""
        ...

    def measure(self, batch: Batch) -> pa.Table:
        """A table of `schema` with a row per sample of the batch; null where there is nothing to measure."""
        ...
