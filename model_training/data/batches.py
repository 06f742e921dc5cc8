"""Batches of one worker: its slice of each global batch, so that any number of workers sees the same batches.

One thread reads shards ahead, one hands images out to be decoded and puts batches together; `threads` others decode.
Pillow, libjpeg-turbo and torch let go of the interpreter while they work. What is in a batch is a function of the order
alone, whoever decodes it and when.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from threading import Event, Lock
from typing import Any

import numpy as np

from curate.errors import InputError
from model_training.data.captions import Captions
from model_training.data.order import Order, Position, Visit
from model_training.data.pixels import Pixels

AHEAD = 2  # batches that are being decoded, besides one that is ready and the one that is trained on
ROWS = 8  # of a batch that a thread decodes before it takes others
TOKENS_KEPT = 200_000  # texts


class Sheets:
    """The arrays of a batch's views, written row by row, by any thread, as the rows are decoded."""

    def __init__(self, rows: int) -> None:
        self.arrays: tuple[np.ndarray, ...] = ()  # (rows, side, side, 3) uint8 each
        self._rows, self._lock = rows, Lock()

    def put(self, row: int, views: tuple[np.ndarray, ...]) -> None:
        with self._lock:
            if not self.arrays:
                self.arrays = tuple(np.empty((self._rows, *view.shape), view.dtype) for view in views)
        for array, view in zip(self.arrays, views, strict=True):
            array[row] = view


@dataclass(frozen=True)
class Batch:
    """The rows of one worker."""

    views: tuple[np.ndarray, ...]  # (rows, side, side, 3) uint8 each
    tokens: np.ndarray | None  # (rows, context) int64; None where images alone are asked for
    names: tuple[str, ...]  # of the rows' visits, for draws
    keys: tuple[str, ...]  # of the rows' pairs in their shards
    first: int  # the first row's number in the global batch
    undecodable: int  # images of this worker that another of the batch stands in for
    after: Position  # where the next batch begins


@dataclass
class Batches:
    """`size` is that of the global batch; it is a multiple of `workers`, and worker `rank` gets its `rank`-th part."""

    order: Order
    pixels: Pixels
    tokenize: Callable[[list[str]], Any] | None  # texts -> (texts, context) int64 tensor; None: images alone
    size: int
    rank: int = 0
    workers: int = 1
    threads: int = 1  # that decode
    captions: Captions = field(default_factory=Captions)
    _tokens: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.size % self.workers:
            raise InputError(
                f"a batch of {self.size} cannot be shared by {self.workers} workers",
                f"set train.batch to a multiple of {self.workers}",
            )
        if self.tokenize is None:
            self.order = replace(self.order, texts=False)
        else:
            self.order = replace(self.order, captions=self.captions)

    def __call__(self, start: Position) -> Generator[Batch, None, None]:
        """Without end. Close it to stop the threads: what is not begun is left."""
        decoders, reader = ThreadPoolExecutor(self.threads), ThreadPoolExecutor(1)
        stop = Event()
        visits = self.order.visits(start, stop)
        try:
            stream = self._stream(visits, decoders)
            pending = reader.submit(next, stream)
            while True:
                batch = pending.result()
                pending = reader.submit(next, stream)
                yield batch
        finally:
            stop.set()
            decoders.shutdown(wait=False, cancel_futures=True)
            reader.shutdown(cancel_futures=True)
            visits.close()
            decoders.shutdown()

    def _stream(self, visits: Iterator[Visit], decoders: ThreadPoolExecutor) -> Iterator[Batch]:
        ahead: deque[tuple[list[Visit], Sheets, list[Future[list[int]]]]] = deque()
        while True:
            while len(ahead) < AHEAD:
                whole = list(islice(visits, self.size))
                parts = [self._mine[i : i + ROWS] for i in range(0, len(self._mine), ROWS)]
                sheets = Sheets(len(self._mine))
                ahead.append((whole, sheets, [decoders.submit(self._rows, whole, part, sheets) for part in parts]))
            whole, sheets, decoding = ahead.popleft()
            yield self._batch(whole, [seen for part in decoding for seen in part.result()], sheets.arrays)

    @property
    def _mine(self) -> range:
        """The rows of the global batch that are this worker's."""
        share = self.size // self.workers
        return range(self.rank * share, (self.rank + 1) * share)

    def _rows(self, whole: Sequence[Visit], rows: range, sheets: Sheets) -> list[int]:
        """Writes the views of rows. Returns the number of the visit that each is of."""
        found = []
        for row in rows:
            i, views = self._decodable(whole, row)
            sheets.put(row - self._mine.start, views)
            found.append(i)
        return found

    def _batch(self, whole: Sequence[Visit], numbers: Sequence[int], views: tuple[np.ndarray, ...]) -> Batch:
        seen = [whole[i] for i in numbers]
        texts = [self.captions.of(v.pair.texts, self.order.seed, v.name) for v in seen] if self.tokenize else []
        tokens = self._tokenized(texts) if self.tokenize else None
        names, keys = tuple(visit.name for visit in seen), tuple(visit.pair.key for visit in seen)
        lost = sum(i != asked for i, asked in zip(numbers, self._mine, strict=True))
        return Batch(views, tokens, names, keys, self._mine.start, lost, whole[-1].after)

    def _decodable(self, whole: Sequence[Visit], at: int) -> tuple[int, tuple[np.ndarray, ...]]:
        """The visit, or the next one of the global batch that can be decoded: the same whoever asks."""
        for step in range(len(whole)):
            i = (at + step) % len(whole)
            views = self.pixels.visit(whole[i].pair, self.order.seed, whole[i].name)
            if views is not None:
                return i, views
        raise InputError(
            f"{self.order.shards[0]} and the shards beside it: no image of a whole batch can be decoded",
            "curate verify RUN says whether its files are whole",
        )

    def _tokenized(self, texts: list[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        if len(self._tokens) + len(new) > TOKENS_KEPT:
            self._tokens.clear()
            new = list(dict.fromkeys(texts))
        if new and self.tokenize is not None:
            self._tokens.update(zip(new, self.tokenize(new).numpy(), strict=True))
        return np.stack([self._tokens[text] for text in texts])
