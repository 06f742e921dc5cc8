"""Zero-shot categories of an image: the two whose prompts a CLIP finds nearest (Radford et al. 2021, section 3.1).

A category's vector is the mean of its prompts' unit vectors, made unit length again. LAION-400M tags its pairs so:
see `curate.filters.laion_safety`. Equal similarities go to the category that is listed first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curate.protocols import ImageTextEncoder
from curate.signals import Batch


@dataclass
class ZeroShot:
    """`name` is the recipe's; `categories` are names and their prompts, at least two."""

    name: str
    encoder: ImageTextEncoder
    categories: Mapping[str, Sequence[str]]
    version: int = 1
    reads_images: bool = True
    _vectors: np.ndarray | None = field(default=None, repr=False)

    @property
    def family(self) -> str:
        return self.name

    @property
    def schema(self) -> pa.Schema:
        return zero_shot_schema(self.name)

    def identity(self) -> tuple[object, ...]:
        return (self.encoder.identity, tuple((name, *prompts) for name, prompts in self.categories.items()))

    def measure(self, batch: Batch) -> pa.Table:
        images = batch.vectors(self.encoder)
        missing = np.isnan(images).any(axis=1)
        cosines = np.einsum("nd,kd->nk", np.nan_to_num(images), self._category_vectors())
        best = np.argsort(-cosines, axis=1, kind="stable")[:, :2]
        names = np.array(list(self.categories), object)
        scores = np.take_along_axis(cosines, best, axis=1).astype(np.float32)
        columns = [pa.array(names[best[:, i]], pa.string(), mask=missing) for i in (0, 1)]
        columns += [pa.array(scores[:, i], pa.float32(), mask=missing) for i in (0, 1)]
        return pa.table(columns, schema=self.schema)

    def _category_vectors(self) -> np.ndarray:
        if self._vectors is None:
            means = [self.encoder.encode_texts(list(prompts)).mean(axis=0) for prompts in self.categories.values()]
            stacked = np.stack(means)
            self._vectors = stacked / np.linalg.norm(stacked, axis=1, keepdims=True)
        return self._vectors


def zero_shot_schema(name: str) -> pa.Schema:
    """NAME_first and NAME_second: the two nearest categories; with their cosines."""
    return pa.schema(
        [
            (f"{name}_first", pa.string()),
            (f"{name}_second", pa.string()),
            (f"{name}_first_score", pa.float32()),
            (f"{name}_second_score", pa.float32()),
        ]
    )
