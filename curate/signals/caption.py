"""What a captioner writes of the image: CapFilt's synthetic text before it is filtered (BLIP, arXiv 2201.12086, 4.2).

One text for each image that can be decoded, whatever its own caption is. A text without a letter is a null.
"""

from dataclasses import dataclass

import pyarrow as pa

from curate import schema as c
from curate.protocols import Captioner
from curate.signals import Batch


@dataclass(frozen=True)
class Caption:
    """`model` is the recipe's name for the captioner; it names the family and the column."""

    model: str
    captioner: Captioner
    version: int = 1
    reads_images: bool = True

    @property
    def family(self) -> str:
        return c.model_caption(self.model)

    @property
    def schema(self) -> pa.Schema:
        return caption_schema(self.model)

    def identity(self) -> tuple[object, ...]:
        return (self.captioner.identity,)

    def measure(self, batch: Batch) -> pa.Table:
        rows = [i for i, image in enumerate(batch.images) if image is not None]
        texts: list[str | None] = [None] * len(batch)
        if rows:
            images, uids = [batch.images[i] for i in rows], [batch.uids[i] for i in rows]
            found = self.captioner.caption(images, uids)  # type: ignore[arg-type]
            if len(found) != len(rows):
                raise ValueError(f"{self.model}: {len(rows)} images gave {len(found)} captions")
            for i, text in zip(rows, found, strict=True):
                texts[i] = text if any(char.isalpha() for char in text) else None
        return pa.table([pa.array(texts, pa.string())], schema=self.schema)


def caption_schema(model: str) -> pa.Schema:
    return pa.schema([(c.model_caption(model), pa.string())])
