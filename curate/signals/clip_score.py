"""The cosine of image and text in a CLIP-like space (Radford et al. 2021; as a filter: LAION-400M, 2021).

A model that was trained on the pool has seen its samples, wrong captions included, and knows them by heart. So it
may come as several, each trained without one fold: a sample is scored by the one that has not seen its image
(cross-fitting; as out-of-sample probabilities in Northcutt et al., arXiv 1911.00068).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curate import schema as c
from curate.protocols import ImageTextEncoder
from curate.signals import Batch
from curate.uid import fold_of


@dataclass(frozen=True)
class ClipScore:
    """`model` is the recipe's name for the encoder; it names the family and the column.

    Of several encoders, the n-th scores fold n; `seed` is that of the folds.
    """

    model: str
    encoders: Sequence[ImageTextEncoder]
    seed: int = 0
    version: int = 1
    reads_images: bool = True

    @property
    def family(self) -> str:
        return c.clip_score(self.model)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(self.family, pa.float32())])

    def identity(self) -> tuple[object, ...]:
        return folded([encoder.identity for encoder in self.encoders], self.seed)

    def measure(self, batch: Batch) -> pa.Table:
        scores = np.full(len(batch), np.nan, np.float32)
        by_fold: list[list[int]] = [[] for _ in self.encoders]
        for i, (image, text) in enumerate(zip(batch.images, batch.captions, strict=True)):
            if image is not None and text is not None:
                by_fold[self._fold(batch, i)].append(i)
        for encoder, rows in zip(self.encoders, by_fold, strict=True):
            if rows:
                scores[rows] = self._cosines(encoder, batch, rows)
        # from_pandas: a NaN, whether unmeasured or made by the model, is a null.
        return pa.table([pa.array(scores, pa.float32(), from_pandas=True)], schema=self.schema)

    def _fold(self, batch: Batch, row: int) -> int:
        content = batch.contents[row] if len(self.encoders) > 1 else None
        return fold_of(self.seed, content, len(self.encoders)) if content else 0

    def _cosines(self, encoder: ImageTextEncoder, batch: Batch, rows: list[int]) -> np.ndarray:
        if len(self.encoders) == 1:
            images = batch.vectors(encoder)[rows]
        else:
            images = encoder.encode_images([batch.images[i] for i in rows])  # type: ignore[misc]
        texts = encoder.encode_texts([batch.captions[i] for i in rows])  # type: ignore[misc]
        if not (len(images) == len(texts) == len(rows)):
            raise ValueError(f"{self.model}: {len(rows)} pairs gave {len(images)} and {len(texts)} vectors")
        cosines: np.ndarray = np.einsum("nd,nd->n", images, texts)
        return cosines


def folded(identities: Sequence[str], seed: int) -> tuple[object, ...]:
    """What the values of one encoder, or of one for each fold, depend on."""
    return (identities[0],) if len(identities) == 1 else (*identities, seed)
