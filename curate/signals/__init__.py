"""Signals: what can be measured of one sample. One family per file; a family knows no threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
import pyarrow as pa
from PIL.Image import Image

from curate.protocols import ImageEncoder


@dataclass
class Batch:
    """Some rows of a pool shard, decoded once for all families. An image that cannot be decoded is None."""

    uids: Sequence[str]
    captions: Sequence[str | None]
    images: Sequence[Image | None] = field(default_factory=list)
    contents: Sequence[str | None] = field(default_factory=list)  # sha256 of each image as downloaded
    _vectors: dict[ImageEncoder, np.ndarray] = field(default_factory=dict)  # by the object: batch sizes differ too

    def __len__(self) -> int:
        return len(self.uids)

    @cached_property
    def grey(self) -> list[Image | None]:
        """The images in 8-bit grey (Pillow's "L": ITU-R 601-2 luma), converted once."""
        return [image.convert("L") if image is not None else None for image in self.images]

    def vectors(self, encoder: ImageEncoder) -> np.ndarray:
        """What this encoder makes of the images, float32, shape (n, d), computed once for all families that ask.

        A row of NaN where there is no image.
        """
        if encoder not in self._vectors:
            present = [i for i, image in enumerate(self.images) if image is not None]
            made = encoder.encode_images([self.images[i] for i in present])  # type: ignore[misc]
            if len(made) != len(present):
                raise ValueError(f"{len(present)} images gave {len(made)} vectors")
            found = np.full((len(self), encoder.width), np.nan, np.float32)
            if present:
                found[present] = made
            self._vectors[encoder] = found
        return self._vectors[encoder]


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
