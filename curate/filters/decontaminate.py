"""Take out what an evaluation set holds too: by perceptual hash, by embedding, or both; a rule per set.

`rule: image` drops the images that touch an item of the set (DataComp, arXiv 2304.14108: cosine > 0.604169).
`rule: component` drops the whole connected component of each such image (DINOv2, arXiv 2304.07193 appendix A:
cosine > 0.45): two images are joined as in `phash_dedup` and `embedding_dedup`, at the same limit that tells what
touches. With `of: survivors` (the default) only what earlier rules kept is joined; `of: pool` drops more.
Cosines are strict (above), distances not (at most). Whether an image touches the set is exact, for every image.
An image that was not measured is not shown to be clean: null drops it. A degenerate hash touches nothing.
How much each set overlaps, at every limit, is in the pass's tables `counts`, `items` and `images` or `touched`.
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.embedding_pairs import FLOOR, EmbeddingPairs
from curate.corpus.hash_pairs import HashPairs
from curate.corpus.outside_hashes import OutsideHashes
from curate.corpus.outside_similarity import OutsideSimilarity
from curate.filters.embedding_dedup import components
from curate.filters.phash_dedup import hash_groups
from curate.filters.rule import Filter, Of, Rule

PUBLISHED = {"image": 0.604169, "component": 0.45}
RADIUS = 10  # stored at least this far, so that `whatif` can try other distances


class Decontaminate(Filter):
    type: ClassVar[str] = "decontaminate"
    paper: ClassVar[str] = "arXiv 2304.14108, section 3.1; arXiv 2304.07193, appendix A"
    paths: ClassVar[tuple[str, ...]] = ("against",)
    against: list[str] | dict[str, str | list[str]] = Field(description="image files, tars, tables; or name: places")
    max_distance: int | None = Field(None, ge=0, le=16, description="bits of 64, of perceptual hashes")
    model: str | None = Field(None, description="an image model of the recipe: cosines of its embeddings")
    threshold: float | None = Field(None, gt=-1, lt=1, description="default: 0.604169, or 0.45 for components")
    rule: Literal["image", "component"] = "image"
    k: int | None = Field(64, ge=1, le=1024, description="nearest neighbours that a component joins; null: all")
    of: Of = "survivors"

    @model_validator(mode="after")
    def _one_at_least(self) -> "Decontaminate":
        if self.max_distance is None and self.model is None:
            raise ValueError("give max_distance (perceptual hashes), or model (embeddings), or both")
        if self.threshold is not None and self.model is None:
            raise ValueError("threshold is a cosine: give the model whose embeddings are compared")
        if not self.against:
            raise ValueError("name at least one file")
        return self

    @property
    def limit(self) -> float:
        return PUBLISHED[self.rule] if self.threshold is None else self.threshold

    def sets(self) -> dict[str, list[str]]:
        """name -> places. A set of a plain list is named after its file, or the file's folder."""
        if isinstance(self.against, dict):
            return {name: [at] if isinstance(at, str) else at for name, at in self.against.items()}
        found: dict[str, list[str]] = {}
        for place in self.against:
            found.setdefault(_set_name(place), []).append(place)
        return found

    def rules(self) -> list[Rule]:
        of: Of = self.of if self.rule == "component" else "pool"
        return [Rule(name, compare=self._clean_of(name), of=of) for name in self.sets()]

    def reads(self) -> set[str]:
        return {c.UID, c.IMAGE_UID} | ({c.PHASH} if self.max_distance is not None else set())

    def models(self) -> set[str]:
        return {self.model} if self.model else set()

    def passes(self) -> list[CorpusPass]:
        found: list[CorpusPass] = []
        if self.max_distance is not None:
            found += [self._hashes(name) for name in self.sets()]
            found += [self._hash_pairs()] if self.rule == "component" else []
        if self.model is not None:
            found += [OutsideSimilarity(self.model, name, places) for name, places in self.sets().items()]
            found += [self._pairs()] if self.rule == "component" else []
        return found

    def _hashes(self, name: str) -> OutsideHashes:
        assert self.max_distance is not None
        return OutsideHashes(name, self.sets()[name], max(RADIUS, self.max_distance))

    def _hash_pairs(self) -> HashPairs:
        assert self.max_distance is not None
        return HashPairs(max(RADIUS, self.max_distance))

    def _pairs(self) -> EmbeddingPairs:
        assert self.model is not None
        return EmbeddingPairs(self.model, self.k, min(FLOOR, self.limit))

    def _clean_of(self, name: str) -> Callable[[pl.DataFrame, pl.Series, dict[str, Tables]], pl.Series]:
        def clean(frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
            joined = asked if self.of == "survivors" else pl.Series([True] * len(frame), dtype=pl.Boolean)
            touched = pl.Series([False] * len(frame), dtype=pl.Boolean)
            if self.max_distance is not None:
                touched = touched | self._by_hash(name, frame, joined, tables)
            if self.model is not None:
                touched = touched | self._by_embedding(name, frame, joined, tables)
            return ~touched

        return clean

    def _by_hash(self, name: str, frame: pl.DataFrame, joined: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        """Which rows touch the set, null where there is no hash."""
        near = pl.col(c.DISTANCE) <= self.max_distance
        hashes = tables[self._hashes(name).name]["touched"].filter(near)[c.PHASH]
        if self.rule == "component":
            pairs = tables[self._hash_pairs().name]["pairs"].filter(near)
            groups = hash_groups(frame[c.PHASH].filter(joined), pairs)
            hit = groups.filter(pl.col(c.PHASH).is_in(hashes.implode()))["group"].unique()
            whole = groups.filter(pl.col("group").is_in(hit.implode()))[c.PHASH]
            hashes = pl.concat([hashes, whole]).unique()
        return frame[c.PHASH].is_in(hashes.implode())

    def _by_embedding(self, name: str, frame: pl.DataFrame, joined: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        """Which rows touch the set, null where there is no embedding."""
        assert self.model is not None
        images = tables[OutsideSimilarity(self.model, name, self.sets()[name]).name]["images"]
        hit = (images[c.COSINE].cast(pl.Float64) > self.limit).to_numpy()
        if self.rule == "component":
            stored = tables[self._pairs().name]
            assert stored["points"][c.IMAGE_UID].equals(images[c.IMAGE_UID])  # both are of all measured images
            alive = images[c.IMAGE_UID].is_in(frame[c.IMAGE_UID].filter(joined).unique().implode()).to_numpy()
            groups = components(stored["pairs"], self.limit, alive)
            hit = np.isin(groups, groups[hit])  # an image that is gone is a component of its own
        measured = frame[c.IMAGE_UID].is_in(images[c.IMAGE_UID].implode())
        touched = frame[c.IMAGE_UID].is_in(images[c.IMAGE_UID].filter(pl.Series(hit)).implode())
        return pl.select(pl.when(measured).then(touched)).to_series()


def _set_name(place: str) -> str:
    """eval/flickr30k.tar -> flickr30k; eval/*.tar -> eval."""
    path = PurePosixPath(place)
    words = [re.sub(r"[^A-Za-z0-9_-]+", "_", part).strip("_") for part in (path.stem, path.parent.name)]
    return next((word for word in words if word), "eval")
