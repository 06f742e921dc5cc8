"""Folds of a data set by image content: what a model was not trained on, it can score."""

from dataclasses import dataclass

from curate.uid import fold_of


@dataclass(frozen=True)
class HoldOut:
    """Leaves out one fold of `folds`. An image whose shard does not tell its sha256 is in no fold: never left out."""

    seed: int
    folds: int
    fold: int

    def keeps(self, sha256: str | None) -> bool:
        return sha256 is None or fold_of(self.seed, sha256, self.folds) != self.fold
