"""A random subset: what a curated set of the same size must be better than.

Of the samples that no earlier rule dropped, the `keep` with the smallest draws are kept. A draw is keyed by
(seed, uid), so that the subset depends on no order, and a smaller one is part of a larger one.
With `unit: images` the `keep` are images, each with one of its samples, which another draw has chosen: an image with
many texts is as likely as one with a single text, and where none has several both units give the same subset.
"""

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from curate import schema as c
from curate.corpus import Tables
from curate.filters.rule import Filter, Rule
from curate.uid import draws


class RandomSubset(Filter):
    type: ClassVar[str] = "random"
    keep: int = Field(ge=0, description="samples; all when there are fewer")
    seed: int = 0
    unit: Literal["samples", "images"] = Field("samples", description="images: so many, with one text each")

    def rules(self) -> list[Rule]:
        return [Rule("keep", compare=self._drawn, of="survivors")]

    def reads(self) -> set[str]:
        return {c.UID} if self.unit == "samples" else {c.UID, c.IMAGE_UID}

    def _drawn(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        rows = asked.arg_true()
        if self.unit == "images":
            rows = rows.gather(_one_each(self.seed, frame[c.UID].gather(rows), frame[c.IMAGE_UID].gather(rows)))
        kept = np.zeros(len(frame), bool)
        kept[rows.to_numpy()[drawn(self.seed, frame[c.UID].gather(rows), self.keep, "random")]] = True
        return pl.Series(kept)


def _one_each(seed: int, uids: pl.Series, images: pl.Series) -> np.ndarray:
    """Places of one sample of each image, ascending: the one with the smallest draw, of equal ones by uid. int64."""
    several = images.is_duplicated()
    places = several.arg_true()
    texts = uids.gather(places)
    table = pl.DataFrame({"place": places, "image": images.gather(places), c.UID: texts})
    ranked = table.with_columns(pl.Series("draw", draws(seed, texts, "random text"))).sort("image", "draw", c.UID)
    chosen = ranked.unique("image", keep="first", maintain_order=True)["place"]
    return np.sort(np.concatenate([(~several).arg_true().to_numpy(), chosen.to_numpy()])).astype(np.int64)


def drawn(seed: int, uids: pl.Series, count: int, purpose: str) -> np.ndarray:
    """Places of the `count` smallest draws among the uids, equal ones by uid; all where there are fewer. int64."""
    if count >= len(uids):
        return np.arange(len(uids))
    keys = draws(seed, uids, purpose)
    edge = np.partition(keys, count)[count]
    below, ties = np.flatnonzero(keys < edge), np.flatnonzero(keys == edge)
    order = uids.gather(ties).arg_sort().to_numpy()
    return np.concatenate([below, ties[order[: count - len(below)]]])
