"""SemDeDup (Abbas et al. 2023, arXiv 2303.09540): drop what is near an image before it in its cluster.

An image goes when its largest cosine with any image before it is above 1 - epsilon (strict, as the authors' code;
their text says at least). The order (`corpus/semdedup`) decides who is before whom, and so what is kept: `hard`
keeps of each group the image farthest from the centroid. It is not greedy: what has gone still takes others.
`of: survivors` (the default) computes that anew among the images that no earlier rule dropped, exactly, from the
stored pairs: an image is never lost to one that is not there. `of: pool` takes the cosines of the whole pool, as
published where no filter came before: then a group can be lost whose first image an earlier rule dropped.
`keep_fraction` in place of epsilon: the smallest limit that keeps at least ceil(fraction * images) of the measured
images; equal cosines stay together, so it can keep more. The limit is exact, over all clusters: the authors tune
epsilon on a tenth of them and interpolate. All texts of an image go with it. No embedding: unmeasured.
Vectors are float16, which makes a cosine of different ones uncertain by about 0.0005: an epsilon below 0.001 takes
the images of one vector (their cosine is 1) for sure, and of the nearest others some. Of one file: `exact_dedup`.
Published shares of LAION-440M kept: epsilon .00095: .796, .03: .721, .07: .634, .124: .499, .205: .305, .26: .198.
"""

import math
from fractions import Fraction
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.semdedup import GROUP, POSITION, Order, SemDeDup
from curate.errors import RecipeError
from curate.filters.rule import Filter, Of, Rule


class SemDeDupFilter(Filter):
    type: ClassVar[str] = "semdedup"
    paper: ClassVar[str] = "arXiv 2303.09540"
    model: str
    clusters: int = Field(ge=1, description="published: 50,000 for 440 million images")
    epsilon: float | None = Field(None, ge=0, le=1, description="cosines above 1 - epsilon are duplicates")
    keep_fraction: float | None = Field(None, gt=0, le=1, description="of the measured images; in place of epsilon")
    order: Order = "hard"
    of: Of = "survivors"
    floor: float = Field(0.9, ge=0, lt=1, description="pairs above this cosine are stored; lower where epsilon is more")
    iterations: int = Field(100, ge=1)
    seed: int = 1234

    @model_validator(mode="after")
    def _one_of_two(self) -> "SemDeDupFilter":
        if (self.epsilon is None) == (self.keep_fraction is None):
            raise ValueError("give epsilon, such as 0.07, or keep_fraction, such as 0.63")
        return self

    @property
    def work(self) -> SemDeDup:
        floor = self.floor if self.epsilon is None else max(0.0, min(self.floor, 1 - self.epsilon))
        return SemDeDup(
            self.model,
            self.clusters,
            order=self.order,
            floor=floor,
            iterations=self.iterations,
            seed=self.seed,
        )

    def rules(self) -> list[Rule]:
        name = "epsilon" if self.epsilon is not None else "keep_fraction"
        return [Rule(name, compare=self._kept, of=self.of)]

    def reads(self) -> set[str]:
        return {c.IMAGE_UID, self.work.column}

    def passes(self) -> list[CorpusPass]:
        return [self.work]

    def models(self) -> set[str]:
        return {self.model}

    def _kept(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        stored = tables[self.work.name]
        if self.of == "survivors":
            images = among(stored, frame[c.IMAGE_UID].filter(asked))
            known = frame.select(c.IMAGE_UID).join(images, on=c.IMAGE_UID, how="left", maintain_order="left")
            cosines, floor = known[c.MAX_COSINE], self.work.floor
            measured = frame[self.work.column].is_not_null()
            cosines = pl.select(pl.when(measured).then(cosines.fill_null(0.0))).to_series()
        else:
            images = frame.filter(asked).select(c.IMAGE_UID, pl.col(self.work.column).alias(c.MAX_COSINE))
            images = images.drop_nulls().unique(c.IMAGE_UID)
            cosines, floor = frame[self.work.column], 0.0
        return cosines.cast(pl.Float64) <= self._limit(images[c.MAX_COSINE], floor)

    def _limit(self, cosines: pl.Series, floor: float) -> float:
        """The largest cosine that stays. Raises RecipeError where the stored pairs do not reach that far down."""
        if self.epsilon is not None:
            return 1 - self.epsilon
        assert self.keep_fraction is not None
        if not len(cosines):
            return 1.0
        count = math.ceil(Fraction(str(self.keep_fraction)) * len(cosines))
        limit = float(np.sort(cosines.to_numpy())[count - 1])
        if limit > floor or floor == 0:
            return limit
        sure = int((cosines <= floor).sum()) / len(cosines)
        if count == int((cosines <= floor).sum()):
            return floor
        raise RecipeError(
            f"{self.stage}.keep_fraction: {self.keep_fraction} needs cosines below the floor of {floor},"
            f" which alone keeps {sure:.4f}",
            f"--set filters.{self.stage}.floor={max(0.0, round(floor - 0.1, 3))}",
        )


def among(stored: Tables, uids: pl.Series) -> pl.DataFrame:
    """image_uid, max_cosine of these images with those of them that are before it: exact above the floor, else 0."""
    row = "row"
    images = stored["images"].with_row_index(row).filter(pl.col(c.IMAGE_UID).is_in(uids.unique().implode()))
    first = images.group_by(GROUP).agg(pl.col(POSITION).min().alias("first"))
    there = pl.col(c.A).is_in(first[GROUP].implode()) & pl.col(c.B).is_in(first[GROUP].implode())
    pairs = stored["pairs"].filter(there)
    both = pl.concat(
        [pairs, pairs.filter(pl.col(c.A) != pl.col(c.B)).select(c.B, c.A, c.COSINE).rename({c.B: c.A, c.A: c.B})]
    )
    earlier = both.join(first, left_on=c.A, right_on=GROUP).select(pl.col(c.B).alias(GROUP), "first", c.COSINE)
    near = images.select(row, GROUP, POSITION).join(earlier, on=GROUP).filter(pl.col("first") < pl.col(POSITION))
    most = near.group_by(row).agg(pl.col(c.COSINE).max().alias(c.MAX_COSINE))
    found = images.select(row, c.IMAGE_UID).join(most, on=row, how="left", maintain_order="left")
    return found.select(c.IMAGE_UID, pl.col(c.MAX_COSINE).fill_null(0.0))
