"""The order in which pairs are visited: without end, seeded, and resumable from a position of two numbers.

Shards are taken in chunks of `buffer`; the pairs of a chunk are shuffled together, as in webdataset's and
open_clip's buffers, but by keyed draws, so that the order depends on nothing but the seed and the shards. A pass
over the shards takes each once, in an order of its own; `resampled` draws shards with replacement instead
(open_clip's --dataset-resampled). Memory is bounded by the `buffer` shards of one chunk.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from curate.errors import InputError
from curate.uid import draw_int
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

    def __post_init__(self) -> None:
        if not self.shards:
            raise InputError("there is no shard to train on", "curate status RUN says whether its dataset is there")
        self._loaded: OrderedDict[str, list[Pair]] = OrderedDict()
        self._checked: set[str] = set()

    def visits(self, start: Position = Position()) -> Iterator[Visit]:
        """Without end. Raises InputError when there is no pair at all."""
        chunk, offset, empty = start.chunk, start.offset, 0
        while True:
            pairs = self._chunk(chunk)
            empty = 0 if pairs else empty + 1
            if empty > len(self.shards):
                raise InputError(
                    f"{self.shards[0]} and the shards beside it hold no pair to train on",
                    "curate report RUN says what its dataset holds",
                )
            for i in range(offset, len(pairs)):
                last = i + 1 == len(pairs)
                name, pair = pairs[i]
                yield Visit(pair, name, Position(chunk + 1, 0) if last else Position(chunk, i + 1))
            del pairs[:]  # before the next chunk is read
            chunk, offset = chunk + 1, 0

    def _chunk(self, number: int) -> list[tuple[str, Pair]]:
        keyed = []
        for slot, shard in enumerate(self._shards_of(number)):
            for row, pair in enumerate(self._load(shard)):
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

    def _load(self, shard: str) -> list[Pair]:
        """A shard's pairs; as many shards as a chunk has are kept, so a small dataset is read once."""
        if shard not in self._loaded:
            while len(self._loaded) >= self.buffer:
                self._loaded.popitem(last=False)
            digest = None if shard in self._checked else self.digests.get(shard)
            pairs = read_pairs(shard, texts=self.texts, digest=digest)
            held_out = self.hold_out
            self._loaded[shard] = [p for p in pairs if held_out is None or held_out.keeps(p.sha256)]
            self._checked.add(shard)
        self._loaded.move_to_end(shard)
        return self._loaded[shard]
