"""Captioning as ranking: of a list of captions the one that a model finds nearest to the image (Hodosh, Young and
Hockenmaier, JAIR 47, 2013).

A scorer that knows what things are called can so correct a caption, where no captioner can be trained: it writes
nothing that the list has not. As in `clip_score`, of several encoders, each trained without one fold, an image is
captioned by the one that has not seen it. Of equals the first of the list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curate import schema as c
from curate.protocols import ImageTextEncoder
from curate.signals import Batch
from curate.signals.caption import caption_schema
from curate.signals.clip_score import folded
from curate.uid import fold_of


@dataclass(frozen=True)
class RankedCaption:
    """`model` is the recipe's name for the encoder; it names the family and the column. `texts`: the list."""

    model: str
    encoders: Sequence[ImageTextEncoder]
    texts: tuple[str, ...]
    seed: int = 0
    version: int = 1
    reads_images: bool = True
    _vectors: dict[int, np.ndarray] = field(default_factory=dict, compare=False)  # fold -> (texts, d)

    @property
    def family(self) -> str:
        return c.model_caption(self.model)

    @property
    def schema(self) -> pa.Schema:
        return caption_schema(self.model)

    def identity(self) -> tuple[object, ...]:
        return (*folded([encoder.identity for encoder in self.encoders], self.seed), self.texts)

    def measure(self, batch: Batch) -> pa.Table:
        chosen: list[str | None] = [None] * len(batch)
        by_fold: list[list[int]] = [[] for _ in self.encoders]
        for i, image in enumerate(batch.images):
            content = batch.contents[i] if len(self.encoders) > 1 else None
            if image is not None:
                by_fold[fold_of(self.seed, content, len(self.encoders)) if content else 0].append(i)
        for fold, rows in enumerate(by_fold):
            if rows:
                images = self.encoders[fold].encode_images([batch.images[i] for i in rows])  # type: ignore[misc]
                nearest = (images @ self._texts(fold).T).argmax(axis=1)
                for i, place in zip(rows, nearest.tolist(), strict=True):
                    chosen[i] = self.texts[place]
        return pa.table([pa.array(chosen, pa.string())], schema=self.schema)

    def _texts(self, fold: int) -> np.ndarray:
        if fold not in self._vectors:
            self._vectors[fold] = self.encoders[fold].encode_texts(list(self.texts))
        return self._vectors[fold]
