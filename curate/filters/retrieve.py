"""Keep what a curated set retrieves from the pool (DINOv2, arXiv 2304.07193, section 3 and appendix A).

`mode: sample`: of every query the `k` nearest images (the paper: 4; 32 for ImageNet-1k). `mode: cluster`: of every
cluster in which at least `min_hits` queries lie (the paper: more than 3) `per_cluster` images drawn by keyed chance,
and of all those together `cap` at most, by the same draws.
With `of: survivors` (the default) an image that an earlier rule dropped is passed over and the query's next nearest
comes in its place, as far as the stored list goes: `depth` times k, at least 16. That is exact for every query that
gets its k; `Retrieved.short` counts those that get fewer. In clusters the draw is among the survivors: exact always.
An image is retrieved by any of its rows and all its texts stay. With `repetition` each is kept as often as it was
retrieved (Table 15 counts so: 4 x 14,197,086), else once. An image without an embedding is unmeasured.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.retrieval import ClusterRetrieval, SampleRetrieval
from curate.filters.rule import Filter, Of, Rule
from curate.uid import draws

REACH = 16  # neighbours stored at least, so that `whatif` can try another k


@dataclass(frozen=True)
class Retrieved:
    """`times`: image_uid, copies (how often it was retrieved). Of the survivors, or of the pool."""

    times: pl.DataFrame
    with_repetition: int
    distinct: int
    short: int  # queries with fewer than k images within their stored lists


class Retrieve(Filter):
    type: ClassVar[str] = "retrieve"
    paper: ClassVar[str] = "arXiv 2304.07193, section 3"
    paths: ClassVar[tuple[str, ...]] = ("queries",)
    model: str
    queries: str | list[str] = Field(description="image files, tars or tables of the curated set")
    mode: Literal["sample", "cluster"] = "sample"
    k: int = Field(4, ge=1, le=1024, description="sample: nearest images per query")
    depth: int = Field(4, ge=1, le=64, description="sample: neighbours stored, times k")
    clusters: int = Field(100_000, ge=1, description="cluster: of the pool")
    iterations: int = Field(20, ge=1, description="cluster: of k-means")
    min_hits: int = Field(4, ge=1, description="cluster: queries that a cluster must hold to be taken from")
    per_cluster: int = Field(10_000, ge=1)
    cap: int = Field(1_000_000, ge=1, description="cluster: images in all")
    seed: int = Field(0, ge=0, description="cluster: of k-means and of the draws")
    repetition: bool = Field(False, description="sample: keep an image once per query that retrieved it")
    of: Of = "survivors"

    @model_validator(mode="after")
    def _agree(self) -> "Retrieve":
        if self.repetition and self.mode == "cluster":
            raise ValueError("repetition counts queries per image: a cluster's images are drawn once; use mode: sample")
        return self

    def rules(self) -> list[Rule]:
        return [Rule(self.mode, compare=self._answer, of=self.of)]

    def reads(self) -> set[str]:
        return {c.IMAGE_UID}

    def models(self) -> set[str]:
        return {self.model}

    def passes(self) -> list[CorpusPass]:
        places = [self.queries] if isinstance(self.queries, str) else self.queries
        if self.mode == "sample":
            return [SampleRetrieval(self.model, places, max(REACH, self.depth * self.k))]
        return [ClusterRetrieval(self.model, places, self.clusters, self.iterations, self.seed)]

    def retrieved(self, images: pl.Series, stored: Tables) -> Retrieved:
        """What is retrieved among these images (image_uid) from the pass's tables."""
        alive = stored["points"][c.IMAGE_UID].is_in(images.unique().implode()).to_numpy()
        if self.mode == "sample":
            return _nearest(stored, alive, self.k)
        return self._drawn(stored, alive)

    def _answer(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        stored = tables[self.passes()[0].name]
        found = self.retrieved(frame[c.IMAGE_UID].filter(asked), stored)
        measured = stored["points"].select(c.IMAGE_UID, never=pl.lit(0, pl.Int32))
        rows = frame.select(c.IMAGE_UID).join(measured, on=c.IMAGE_UID, how="left", maintain_order="left")
        rows = rows.join(found.times, on=c.IMAGE_UID, how="left", maintain_order="left")
        copies = rows.select(pl.coalesce(c.COPIES, "never"))[c.COPIES]
        return copies if self.repetition else copies > 0

    def _drawn(self, stored: Tables, alive: np.ndarray) -> Retrieved:
        """The smallest draws of each cluster that is hit often enough, and of those the smallest."""
        hit = stored["clusters"].filter(pl.col(c.HITS) >= self.min_hits)[c.CLUSTER]
        images = stored["points"].filter(pl.Series(alive)).filter(pl.col(c.CLUSTER).is_in(hit.implode()))
        images = images.with_columns(draw=pl.Series(draws(self.seed, images[c.IMAGE_UID], "retrieve")))
        images = images.sort("draw", c.IMAGE_UID).filter(pl.int_range(pl.len()).over(c.CLUSTER) < self.per_cluster)
        times = images.head(self.cap).select(c.IMAGE_UID, pl.lit(1, pl.Int32).alias(c.COPIES)).sort(c.IMAGE_UID)
        return Retrieved(times, len(times), len(times), 0)


def _nearest(stored: Tables, alive: np.ndarray, k: int) -> Retrieved:
    """The k nearest of each query among the images that are alive."""
    lists = stored["neighbours"].filter(pl.Series(alive[stored["neighbours"][c.IMAGE].to_numpy()]))
    # Rows are by query, nearest first, and stay so.
    chosen = lists.filter(pl.int_range(pl.len()).over(c.QUERY) < k)
    full = int((chosen.group_by(c.QUERY).len()["len"] == k).sum())
    times = chosen.group_by(c.IMAGE).len(c.COPIES).sort(c.IMAGE)
    named = times.select(
        stored["points"][c.IMAGE_UID].gather(times[c.IMAGE]).alias(c.IMAGE_UID), pl.col(c.COPIES).cast(pl.Int32)
    )
    return Retrieved(named, len(chosen), len(named), len(stored["queries"]) - full)
