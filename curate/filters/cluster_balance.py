"""Images balanced over clusters of clusters: hierarchical sampling of a hierarchical k-means (Vo et al. 2024).

`keep` images are chosen among those that no earlier rule dropped: the clusters are of the whole pool, their sizes
are those of the survivors. Within a level-1 cluster `random` takes those with the smallest draws of (seed,
image_uid), `closest` those nearest to the centroid, then the smallest image_uid. With a `multiplier` above 1 an
image may be kept that many times, so that small clusters weigh more: the rule then answers with copies.
All texts of a chosen image stay. An image without an embedding is unmeasured. keep >= the survivors keeps all.
"""

from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field, field_validator

from curate import schema as c
from curate.corpus import CorpusPass, Tables
from curate.corpus.hierarchical_kmeans import HierarchicalKMeans
from curate.corpus.hierarchical_sampling import allocate
from curate.filters.rule import Filter, Rule
from curate.uid import draws


class ClusterBalance(Filter):
    type: ClassVar[str] = "cluster_balance"
    paper: ClassVar[str] = "arXiv 2405.15613"
    model: str
    levels: tuple[int, ...] = Field((5000, 500), min_length=1, description="clusters per level, the images' first")
    keep: int = Field(ge=1, description="images")
    seed: int = 0
    within: Literal["random", "closest"] = "random"
    multiplier: int = Field(1, ge=1, le=100, description="how often one image may be kept")
    iterations: int = Field(50, ge=1)
    rounds: int = Field(10, ge=0, description="of resampling, at each level that resamples")
    closest: tuple[int, ...] | None = Field(None, description="points per cluster of a round, per level; 1: no rounds")

    @field_validator("levels")
    @classmethod
    def _shrinking(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
        if min(levels) < 1 or any(a <= b for a, b in pairwise(levels)):
            raise ValueError("each level has fewer clusters than the one below, such as [5000, 500]")
        return levels

    @field_validator("closest")
    @classmethod
    def _per_level(cls, closest: tuple[int, ...] | None, info: object) -> tuple[int, ...] | None:
        levels = getattr(info, "data", {}).get("levels")
        if closest is not None and levels is not None and len(closest) != len(levels):
            raise ValueError(f"one number per level: {len(levels)}")
        return closest

    @property
    def clustering(self) -> HierarchicalKMeans:
        return HierarchicalKMeans(
            self.model,
            self.levels,
            seed=self.seed,
            iterations=self.iterations,
            rounds=self.rounds,
            closest=self.closest,
        )

    def rules(self) -> list[Rule]:
        return [Rule("keep", compare=self._chosen, of="survivors")]

    def reads(self) -> set[str]:
        name = self.clustering.name
        return {c.IMAGE_UID, c.cluster(name), c.cluster_distance(name)}

    def passes(self) -> list[CorpusPass]:
        return [self.clustering]

    def models(self) -> set[str]:
        return {self.model}

    def _chosen(self, frame: pl.DataFrame, asked: pl.Series, tables: dict[str, Tables]) -> pl.Series:
        name = self.clustering.name
        rows = frame.select(
            c.IMAGE_UID, pl.col(c.cluster(name)).alias(c.CLUSTER), pl.col(c.cluster_distance(name)).alias(c.DISTANCE)
        )
        images = rows.filter(asked).drop_nulls().unique(c.IMAGE_UID).sort(c.IMAGE_UID)
        labels = images[c.CLUSTER].to_numpy()
        draw = draws(self.seed, images[c.IMAGE_UID], "cluster_balance")
        copies = self._copies(labels, images[c.DISTANCE].to_numpy(), draw, tables[name])
        given = images.select(c.IMAGE_UID).with_columns(copies=pl.Series(copies, dtype=pl.Int32))
        joined = rows.join(given, on=c.IMAGE_UID, how="left", maintain_order="left")
        answer = pl.when(pl.col(c.CLUSTER).is_not_null()).then(pl.col("copies").fill_null(0))
        number = joined.select(answer.alias("copies"))["copies"]
        return number if self.multiplier > 1 else number > 0

    def _copies(self, labels: np.ndarray, apart: np.ndarray, draw: np.ndarray, stored: Tables) -> np.ndarray:
        """How often each image is kept, (n,) int32."""
        levels = [stored[f"level{i + 1}"].sort(c.CLUSTER) for i in range(len(self.levels))]
        parents = [level[c.PARENT].to_numpy() for level in levels[:-1]]
        orders = [self._order(level, i + 1) for i, level in enumerate(levels)]
        sizes = np.bincount(labels, minlength=len(levels[0]))
        targets = allocate(sizes * self.multiplier, parents, self.keep, orders)
        keys = (np.arange(len(labels)), draw) if self.within == "random" else (np.arange(len(labels)), apart)
        order = np.lexsort((*keys, labels))
        rank = np.empty(len(labels), np.int64)
        rank[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order], side="left")
        each, rest = np.divmod(targets[labels], sizes[labels])
        return np.asarray(each + (rank < rest), np.int32)

    def _order(self, level: pl.DataFrame, number: int) -> np.ndarray:
        names = pl.Series([f"{number}:{cluster}" for cluster in level[c.CLUSTER].to_list()], dtype=pl.String)
        return draws(self.seed, names, "cluster_balance remainder")
