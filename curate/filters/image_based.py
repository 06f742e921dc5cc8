"""DataComp's image_based filter (arXiv 2304.14108): keep clusters in which an image of a chosen set lies.

The set is ImageNet-1k's training images in the paper. An image stays if its cluster holds at least `min_items` images
of the set (published: 1). The paper first asks for its caption filter (fastText English, more than one token, more
than five characters): put `language` and a text rule before this one, or both in `all_of`. Clusters are of the whole
pool, so nothing depends on earlier rules. No embedding: unmeasured.
"""

from typing import ClassVar

import polars as pl
from pydantic import Field

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.outside_clusters import OutsideClusters
from curate.filters.rule import Filter, Rule


class ImageBased(Filter):
    type: ClassVar[str] = "image_based"
    paper: ClassVar[str] = "arXiv 2304.14108"
    paths: ClassVar[tuple[str, ...]] = ("against",)
    model: str
    against: list[str] = Field(min_length=1, description="image files, tars, tables: the chosen set")
    clusters: int = Field(ge=1, description="published: 100,000")
    min_items: int = Field(1, ge=1, description="images of the set in a cluster that stays")
    iterations: int = Field(20, ge=1)
    points_per_cluster: int | None = Field(None, ge=1, description="images per cluster to find them by; null: all")
    seed: int = 0

    @property
    def work(self) -> OutsideClusters:
        return OutsideClusters(
            self.model,
            self.clusters,
            tuple(self.against),
            iterations=self.iterations,
            seed=self.seed,
            points_per_cluster=self.points_per_cluster,
        )

    def rules(self) -> list[Rule]:
        return [Rule("cluster", compare=self._near)]

    def reads(self) -> set[str]:
        return {c.cluster(self.work.name)}

    def passes(self) -> list[CorpusPass]:
        return [self.work]

    def models(self) -> set[str]:
        return {self.model}

    def _near(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        counts = tables[self.work.name]["outside"]
        chosen = counts.filter(pl.col("items") >= self.min_items)[c.CLUSTER]
        return frame[c.cluster(self.work.name)].is_in(chosen.implode())
