"""Folds of a data set by image content: what a model was not trained on, it can score."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from curate.files import sha256
from curate.uid import fold_of


@dataclass(frozen=True)
class HoldOut:
    """Leaves out one fold of `folds`. An image whose shard does not tell its sha256 (an image table's) is in a fold if
    it is one of `shared`, the images that are scored too; any other is in none, and never left out.
    """

    seed: int
    folds: int
    fold: int
    shared: tuple[str, ...] = ()  # sha256 of image files, sorted

    def keeps(self, told: str | None, image: bytes = b"") -> bool:
        """`told`: the sha256 that the shard tells; `image`: the file as it lies there."""
        if told is None and self.shared and (own := sha256(image)) in self._shared:
            told = own
        return told is None or fold_of(self.seed, told, self.folds) != self.fold

    @cached_property
    def _shared(self) -> frozenset[str]:
        return frozenset(self.shared)

    @property
    def identity(self) -> list[tuple[str, Any]]:
        """What bears on which images are left out."""
        return sorted((name, value) for name, value in asdict(self).items() if name != "shared" or value)
