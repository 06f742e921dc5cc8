"""The probability that a text describes its image, by a model that reads both together (BLIP's ITM head, 2201.12086).

Reading both tells more than the cosine of two vectors, and costs a forward pass for every pair. CapFilt keeps p > 0.5.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate import schema as c
from curate.protocols import Matcher
from curate.signals import Batch


@dataclass(frozen=True)
class MatchScore:
    """`model` is the recipe's name for the matcher; it names the family and the column."""

    model: str
    matcher: Matcher
    version: int = 1
    reads_images: bool = True

    @property
    def family(self) -> str:
        return c.match(self.model)

    @property
    def schema(self) -> pa.Schema:
        return match_schema(self.model)

    def identity(self) -> tuple[object, ...]:
        return (self.matcher.identity,)

    def measure(self, batch: Batch) -> pa.Table:
        pairs = zip(batch.images, batch.captions, strict=True)
        rows = [i for i, (image, text) in enumerate(pairs) if image is not None and text is not None]
        scores = np.full(len(batch), np.nan, np.float32)
        if rows:
            images, texts = [batch.images[i] for i in rows], [batch.captions[i] for i in rows]
            found = self.matcher.match(images, texts)  # type: ignore[arg-type]
            if found.shape != (len(rows),):
                raise ValueError(f"{self.model}: {len(rows)} pairs gave {found.shape}")
            scores[rows] = found
        # from_pandas: a NaN, whether unmeasured or made by the model, is a null.
        return pa.table([pa.array(scores, pa.float32(), from_pandas=True)], schema=self.schema)


def match_schema(model: str) -> pa.Schema:
    return pa.schema([(c.match(model), pa.float32())])
