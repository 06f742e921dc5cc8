"""How near the pool comes to a set of images from outside it, by embedding: exactly, all with all.

Of every image of the pool the nearest item of the set, and of every item the nearest image of the pool: CLIP's
overlap analysis (arXiv 2103.00020, section 5) picks a threshold per set by looking at these. Of the equally near the
first by item, by image_uid.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Outside, Tables
from curate.corpus.model_name import model_name
from curate.corpus.neighbours import nearest
from curate.corpus.points import gather, matrix, measured
from curate.errors import InputError
from curate.uid import fingerprint

PUBLISHED = (0.45, 0.604169)  # DINOv2, DataComp
SHOWN_FROM = 0.3  # cosine; below it everything is alike
STEPS = np.array(sorted({*(round(i / 20, 2) for i in range(20)), *PUBLISHED}))


class OutsideSimilarity(CorpusPass):
    """Tables, of one set:

    images  image_uid, item (a row of `items`), cosine: the nearest item of every measured image, by image_uid
    items   item, image_uid, cosine: the nearest image of every item, by item; null where the pool is empty
    counts  cosine, images, items: how many have something above (strict) that cosine, from 0 on
    """

    version = 1
    gathers: ClassVar[bool] = True

    def __init__(self, model: str, name: str, places: Sequence[str]) -> None:
        self.model, self.set, self.places = model, name, tuple(places)
        # Sets of one name, in two filters, are told apart by their places.
        self.name = f"outside_similarity_{model_name(model)}_{model_name(name)}_{fingerprint(*sorted(places))[:6]}"
        column = c.embedding(model)
        self.reads = {"pool": [c.IMAGE_UID], f"signals/{column}": [column]}

    def outside(self) -> list[Outside]:
        return [Outside(self.set, self.places, c.embedding(self.model))]

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        column = c.embedding(self.model)
        given, vectors = outside_items(outside, self.set, column)
        points = gather(partials, column)
        if not len(points.uids):
            return self._of_empty_pool(given)
        towards, back = nearest(points.vectors, vectors, 1), nearest(vectors, points.vectors, 1)
        uids = pl.Series(c.IMAGE_UID, points.uids, dtype=pl.String)
        images = pl.DataFrame(
            [
                uids,
                pl.Series(c.ITEM, towards.indices[:, 0], dtype=pl.UInt32),
                pl.Series(c.COSINE, towards.cosines[:, 0]),
            ]
        )
        nearby = [uids.gather(back.indices[:, 0]), pl.Series(c.COSINE, back.cosines[:, 0])]
        items = pl.DataFrame([given[c.ITEM], *nearby])
        return {"images": images, "items": items, "counts": _counts(images[c.COSINE], items[c.COSINE])}

    def shown(self, tables: Tables) -> Tables:
        """Of an evaluation set: how many of its items the pool has above a cosine, and in how many images."""
        counts = tables["counts"].filter(pl.col(c.COSINE) >= SHOWN_FROM).sort(c.COSINE, descending=True)
        return {f"{self.set}: overlap by {self.model}": counts}

    def _of_empty_pool(self, given: pl.DataFrame) -> Tables:
        images = pl.DataFrame(schema={c.IMAGE_UID: pl.String, c.ITEM: pl.UInt32, c.COSINE: pl.Float32})
        nothing = [pl.lit(None, pl.String).alias(c.IMAGE_UID), pl.lit(None, pl.Float32).alias(c.COSINE)]
        items = given.select(c.ITEM, *nothing)
        return {"images": images, "items": items, "counts": _counts(images[c.COSINE], items[c.COSINE])}


def outside_items(outside: Tables | None, name: str, column: str) -> tuple[pl.DataFrame, np.ndarray]:
    """A set's items in the order of their names, a table of `item`, and their vectors (n, d) float16.

    Raises InputError for a set without any.
    """
    assert outside is not None
    given = outside[name].filter(pl.Series(measured(outside[name][column]))).sort(c.ITEM)
    if not len(given):
        raise InputError(f"the set {name!r} holds no image", "check its places in the recipe")
    return given.select(c.ITEM), matrix(given[column])


def _counts(images: pl.Series, items: pl.Series) -> pl.DataFrame:
    both = {c.IMAGES: images, c.ITEMS: items}
    sides = {name: np.sort(side.drop_nulls().to_numpy().astype(np.float64)) for name, side in both.items()}
    above = {name: len(side) - np.searchsorted(side, STEPS, side="right") for name, side in sides.items()}
    return pl.DataFrame({c.COSINE: STEPS, **above})
