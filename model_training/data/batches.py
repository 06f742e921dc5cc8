"""Batches of one worker: its slice of each global batch, so that any number of workers sees the same batches."""

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from curate.errors import InputError
from curate.uid import draw_int
from model_training.data.order import Order, Position, Visit
from model_training.data.pixels import Pixels

TOKENS_KEPT = 200_000  # texts


@dataclass(frozen=True)
class Batch:
    images: np.ndarray  # (rows, side, side, 3) uint8
    tokens: np.ndarray  # (rows, context) int64
    keys: tuple[str, ...]  # of the rows' pairs in their shards
    undecodable: int  # images of this worker that another of the batch stands in for
    after: Position  # where the next batch begins


@dataclass
class Batches:
    """`size` is that of the global batch; it is a multiple of `workers`, and worker `rank` gets its `rank`-th part."""

    order: Order
    pixels: Pixels
    tokenize: Callable[[list[str]], Any]  # texts -> (texts, context) tensor
    size: int
    rank: int = 0
    workers: int = 1
    _tokens: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size % self.workers:
            raise InputError(
                f"a batch of {self.size} cannot be shared by {self.workers} workers",
                f"set train.batch to a multiple of {self.workers}",
            )

    def __call__(self, start: Position) -> Generator[Batch, None, None]:
        """Without end. The next batch is decoded while the last one is trained on."""
        visits = self.order.visits(start)
        with ThreadPoolExecutor(1) as ahead:
            pending = ahead.submit(self._next, visits)
            while True:
                batch = pending.result()
                pending = ahead.submit(self._next, visits)
                yield batch

    def _next(self, visits: Iterator[Visit]) -> Batch:
        whole = list(islice(visits, self.size))
        share = self.size // self.workers
        mine = range(self.rank * share, (self.rank + 1) * share)
        rows = [self._decodable(whole, i) for i in mine]
        images = np.stack([square for _, square in rows])
        tokens = self._tokenized([self._text(whole[i]) for i, _ in rows])
        lost = sum(i != asked for (i, _), asked in zip(rows, mine, strict=True))
        return Batch(images, tokens, tuple(whole[i].pair.key for i, _ in rows), lost, whole[-1].after)

    def _decodable(self, whole: Sequence[Visit], at: int) -> tuple[int, np.ndarray]:
        """The visit, or the next one of the global batch that can be decoded: the same whoever asks."""
        for step in range(len(whole)):
            i = (at + step) % len(whole)
            square = self.pixels.visit(whole[i].pair, self.order.seed, whole[i].name)
            if square is not None:
                return i, square
        raise InputError(
            f"{self.order.shards[0]} and the shards beside it: no image of a whole batch can be decoded",
            "curate verify RUN says whether its files are whole",
        )

    def _text(self, visit: Visit) -> str:
        """One of the pair's texts, by a keyed draw of the visit."""
        texts = visit.pair.texts
        if len(texts) == 1:
            return texts[0]
        return texts[draw_int(self.order.seed, visit.name, "text") % len(texts)]

    def _tokenized(self, texts: list[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        if len(self._tokens) + len(new) > TOKENS_KEPT:
            self._tokens.clear()
            new = list(dict.fromkeys(texts))
        if new:
            self._tokens.update(zip(new, self.tokenize(new).numpy(), strict=True))
        return np.stack([self._tokens[text] for text in texts])
