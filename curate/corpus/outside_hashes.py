"""How near the pool comes to a set of images from outside it, by perceptual hash: all pairs within a radius, exactly.

Degenerate hashes (`hash_pairs`: blanks and ramps) of either side are near nothing.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from curate import schema as c
from curate.corpus import CorpusPass, Outside, Tables
from curate.corpus.hamming import hamming_between
from curate.corpus.hash_pairs import degenerate
from curate.corpus.model_name import model_name
from curate.uid import fingerprint


class OutsideHashes(CorpusPass):
    """`radius`: the largest distance that is stored, bits; `column`: which hash. Tables, of one set:

    touched  the hash, item, distance: each hash of the pool with an item in reach, and its nearest, by hash
    items    item, image_uid, distance: each item's nearest image, by item; null where none is in reach
    counts   distance, images, items: how many have something at most so far away
    Equally near: the smallest item, the smallest image_uid.
    """

    version = 1

    def __init__(self, name: str, places: Sequence[str], radius: int, column: str = c.PHASH) -> None:
        self.set, self.places, self.radius, self.column = name, tuple(places), radius, column
        # Sets of one name, in two filters, are told apart by their places.
        self.name = f"outside_{column}_{model_name(name)}_{fingerprint(*sorted(places))[:6]}"
        family = "phash" if column == c.PHASH else "hashes"
        self.reads = {"pool": [c.IMAGE_UID], f"signals/{family}": [column]}

    def identity(self) -> tuple[object, ...]:
        return (self.radius,)

    def outside(self) -> list[Outside]:
        return [Outside(self.set, self.places, self.column)]

    def partial_identity(self) -> tuple[object, ...]:
        return ()

    def partial(self, frame: pl.DataFrame) -> Tables:
        return {"hashes": frame.select(self.column, c.IMAGE_UID).drop_nulls().unique().sort(self.column, c.IMAGE_UID)}

    def merge(self, partials: Iterable[Tables], outside: Tables | None = None) -> Tables:
        assert outside is not None
        images = pl.concat([p["hashes"] for p in partials]).unique()
        items = outside[self.set].select(c.ITEM, self.column)
        pool, given = (_comparable(table[self.column]) for table in (images, items))
        a, b, distance = hamming_between(pool, given, self.radius)
        pairs = pl.DataFrame({self.column: a, "other": b, c.DISTANCE: distance})
        # Of equal hashes the smallest name stands for all: it wins every tie among them.
        item = items.group_by(self.column).agg(pl.col(c.ITEM).min()).rename({self.column: "other"})
        image = images.group_by(self.column).agg(pl.col(c.IMAGE_UID).min())
        touched = _nearest(pairs.join(item, on="other"), self.column, c.ITEM)
        back = _nearest(pairs.join(image, on=self.column), "other", c.IMAGE_UID).rename({"other": self.column})
        reached = items.join(back, on=self.column, how="left").select(c.ITEM, c.IMAGE_UID, c.DISTANCE)
        return {
            "touched": touched,
            "items": reached.sort(c.ITEM),
            "counts": self._counts(images.join(touched, on=self.column)[c.DISTANCE], reached[c.DISTANCE]),
        }

    def shown(self, tables: Tables) -> Tables:
        """Of an evaluation set: how many of its items the pool has within so many bits, and in how many images."""
        return {f"{self.set}: overlap by {self.column}": tables["counts"]}

    def _counts(self, images: pl.Series, items: pl.Series) -> pl.DataFrame:
        steps = np.arange(self.radius + 1)
        of_images, of_items = (np.sort(column.drop_nulls().to_numpy()) for column in (images, items))
        return pl.DataFrame(
            {
                c.DISTANCE: steps.astype(np.uint8),
                c.IMAGES: np.searchsorted(of_images, steps, side="right"),
                c.ITEMS: np.searchsorted(of_items, steps, side="right"),
            }
        )


def _comparable(hashes: pl.Series) -> np.ndarray:
    found = hashes.drop_nulls().unique().sort().to_numpy()
    return found[~degenerate(found)]


def _nearest(pairs: pl.DataFrame, of: str, to: str) -> pl.DataFrame:
    """A row per `of`: the nearest `to`, then the smallest."""
    ordered = pairs.sort(of, c.DISTANCE, to).unique(of, keep="first", maintain_order=True)
    return ordered.select(of, to, c.DISTANCE)
