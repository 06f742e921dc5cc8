"""The cosine of image and text in a CLIP-like space (Radford et al. 2021; as a filter: LAION-400M, 2021)."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate import schema as c
from curate.protocols import ImageTextEncoder
from curate.signals import Batch


@dataclass(frozen=True)
class ClipScore:
    """`model` is the recipe's name for the encoder; it names the family and the column."""

    model: str
    encoder: ImageTextEncoder
    version: int = 1
    reads_images: bool = True

    @property
    def family(self) -> str:
        return c.clip_score(self.model)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(self.family, pa.float32())])

    def identity(self) -> tuple[object, ...]:
        return (self.encoder.identity,)

    def measure(self, batch: Batch) -> pa.Table:
        rows = [
            i
            for i, (image, text) in enumerate(zip(batch.images, batch.captions, strict=True))
            if image is not None and text is not None
        ]
        scores = np.full(len(batch), np.nan, np.float32)
        if rows:
            images = self.encoder.encode_images([batch.images[i] for i in rows])  # type: ignore[misc]
            texts = self.encoder.encode_texts([batch.captions[i] for i in rows])  # type: ignore[misc]
            if not (len(images) == len(texts) == len(rows)):
                raise ValueError(f"{self.model}: {len(rows)} pairs gave {len(images)} and {len(texts)} vectors")
            scores[rows] = np.einsum("nd,nd->n", images, texts)
        # from_pandas: a NaN, whether unmeasured or made by the model, is a null.
        return pa.table([pa.array(scores, pa.float32(), from_pandas=True)], schema=self.schema)
