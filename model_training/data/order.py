"""The order in which pairs are visited: without end, seeded, and resumable from a position of two numbers.

Shards are taken in chunks of `buffer`; the pairs of a chunk are shuffled together, as in webdataset's and
open_clip's buffers, but by keyed draws, so that the order depends on nothing but the seed and the shards. A pass
over the shards takes each once, in an order of its own; `resampled` draws shards with replacement instead
(open_clip's --dataset-resampled).

A thread reads the next chunk while the second half of one is visited. What is visited is let go of, so that memory is
bounded by two chunks: the `buffer` shards of the next one, and at most half of the pairs of this one.
"""

from collections import OrderedDict, deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from threading import Event, Lock

from curate.errors import InputError
from curate.uid import draw_int
from model_training.data.captions import Captions
from model_training.data.hold_out import HoldOut
from model_training.data.pairs import Pair, read_pairs


@dataclass(frozen=True)
class Position:
    """What is visited next: a chunk, and how many of its pairs are visited already."""

    chunk: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Visit:
    pair: Pair
    name: str  # of this visit of the pair and no other, for draws
    after: Position


@dataclass
class Order:
    shards: Sequence[str]
    seed: int
    buffer: int = 8
    resampled: bool = False
    hold_out: HoldOut | None = None
    texts: bool = True  # pass over images without a text
    digests: Mapping[str, str] = field(default_factory=dict)  # shard -> sha256 of its file, where it is known
    captions: Captions | None = None  # what they are drawn by must be there

    def __post_init__(self) -> None:
        if not self.shards:
            raise InputError("there is no shard to train on", "curate status RUN says whether its dataset is there")
        self._loaded: OrderedDict[str, list[Pair]] = OrderedDict()
        self._checked: set[str] = set()
        self._reading = Lock()

    def visits(self, start: Position = Position(), stop: Event | None = None) -> Generator[Visit, None, None]:
        """Without end; closed, or let go of, it ends its thread, and so does `stop` when it is set.

        Raises InputError when there is no pair at all, and where the first chunk in which an image has several texts
        lacks what they are drawn by (resumed further on, that is not asked again); CancelledError after `stop`.
        """
        stop, told = stop or Event(), self.captions is None or start.chunk > 0
        chunk, offset, empty = start.chunk, start.offset, 0
        reader = ThreadPoolExecutor(1, "order")
        try:
            coming: Future[list[tuple[str, Pair]]] = reader.submit(self._chunk, chunk, stop)
            while True:
                pairs = coming.result()
                empty = 0 if pairs else empty + 1
                if empty > len(self.shards):
                    raise InputError(
                        f"{self.shards[0]} and the shards beside it hold no pair to train on",
                        "curate report RUN says what its dataset holds",
                    )
                told = told or self._told([pair for _, pair in pairs])
                count, left = len(pairs), deque(islice(pairs, offset, None))
                del pairs
                for i in range(offset, count):
                    if i == max(offset, count // 2):
                        coming = reader.submit(self._chunk, chunk + 1, stop)
                    name, pair = left.popleft()
                    yield Visit(pair, name, Position(chunk + 1, 0) if i + 1 == count else Position(chunk, i + 1))
                if offset >= count:
                    coming = reader.submit(self._chunk, chunk + 1, stop)
                chunk, offset = chunk + 1, 0
        finally:
            stop.set()
            reader.shutdown(cancel_futures=True)

    def _told(self, pairs: Sequence[Pair]) -> bool:
        """Whether an image has several texts, and they have what they are drawn by."""
        several = [text for pair in pairs if len(pair.texts) > 1 for text in pair.texts]
        lacking = self.captions.lacking(several) if self.captions and several else None
        if lacking:
            raise InputError(
                f"{self.shards[0]} and the shards beside it: no text has {lacking} for captions to be drawn by",
                "set train.captions to {draw: uniform}, to {draw: first}, or to what the texts have",
            )
        return bool(several)

    def _chunk(self, number: int, stop: Event) -> list[tuple[str, Pair]]:
        with self._reading:
            return self._shuffled(number, stop)

    def _shuffled(self, number: int, stop: Event) -> list[tuple[str, Pair]]:
        keyed = []
        for slot, shard in enumerate(self._shards_of(number)):
            for row, pair in enumerate(self._load(shard, stop)):
                name = f"{number}/{slot}/{row}"
                keyed.append((draw_int(self.seed, name, "sample"), name, pair))
        return [(name, pair) for _, name, pair in sorted(keyed, key=lambda item: item[:2])]

    def _shards_of(self, number: int) -> list[str]:
        count = len(self.shards)
        if self.resampled:
            draws = (draw_int(self.seed, f"{number}/{slot}", "shard") for slot in range(self.buffer))
            return [self.shards[draw % count] for draw in draws]
        chunks = -(-count // self.buffer)
        turn, part = divmod(number, chunks)
        order = sorted(range(count), key=lambda i: draw_int(self.seed, f"{turn}/{i}", "shard"))
        return [self.shards[i] for i in order[part * self.buffer : (part + 1) * self.buffer]]

    def _load(self, shard: str, stop: Event) -> list[Pair]:
        """A shard's pairs; as many shards as a chunk has are kept, so a small dataset is read once."""
        if shard not in self._loaded:
            while len(self._loaded) >= self.buffer:
                self._loaded.popitem(last=False)
            digest = None if shard in self._checked else self.digests.get(shard)
            held_out, kept = self.hold_out, []
            for pair in read_pairs(shard, texts=self.texts, digest=digest):
                if stop.is_set():
                    raise CancelledError
                if held_out is None or held_out.keeps(pair.sha256, pair.image):
                    kept.append(pair)
            self._loaded[shard] = kept
            self._checked.add(shard)
        self._loaded.move_to_end(shard)
        return self._loaded[shard]
