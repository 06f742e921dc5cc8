"""A model's unit vector of the stored image, for whatever compares images: duplicates, clusters, retrieval.

Stored as float16: of vectors of length 1 that keeps cosines to about 0.0005 (measured on 384 and 512 dimensions),
far below the distance between any two published thresholds, at half the bytes.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate import schema as c
from curate.protocols import ImageEncoder
from curate.signals import Batch


@dataclass(frozen=True)
class Embedding:
    """`model` is the recipe's name for the encoder; it names the family and the column."""

    model: str
    encoder: ImageEncoder
    width: int  # dimensions
    version: int = 1
    reads_images: bool = True

    @property
    def family(self) -> str:
        return c.embedding(self.model)

    @property
    def schema(self) -> pa.Schema:
        return c.embedding_schema(self.model, self.width)

    def identity(self) -> tuple[object, ...]:
        return (self.encoder.identity,)

    def measure(self, batch: Batch) -> pa.Table:
        vectors = batch.vectors(self.encoder)
        column = fixed_lists(vectors.astype(np.float16), np.isnan(vectors).any(axis=1))
        return pa.table([column], schema=self.schema)


def fixed_lists(rows: np.ndarray, null: np.ndarray) -> pa.FixedSizeListArray:
    """A matrix (n, d) as a column of lists of d; null where `null` says so."""
    flat = pa.array(np.ascontiguousarray(rows).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1], mask=pa.array(null))
