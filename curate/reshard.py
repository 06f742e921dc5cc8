"""A subset of shards as new shards: DataComp's resharder (Gadre et al. 2023, arXiv 2304.14108).

For each sample of the input, in its order, as many copies as the subset has its uid; copy j has the key `UID-j`.
A shard is full with 10,000 samples or from 3e9 bytes on. Beside the tars: for each its `_stats.json` with
`successes`, which is how DataComp counts shards without reading them; then sizes.json, sample_ids.npy, meta.json;
and a manifest with the sha256 of each file (`curate.shard_writer`).
Input tars are what img2dataset and DataComp write: their samples have a .json with `uid`, or a Parquet table of
the tar's name has the columns `key` and `uid`. A sample without a uid is counted, not copied.
"""

import io
import json
import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import IO

import numpy as np
import polars as pl

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, canonical_json, sha256
from curate.shard_writer import Parts, ShardWriter
from curate.tars import Member, grouped, index
from curate.uid import UID_DTYPE, fingerprint, pack_uids, sort_uids

SAMPLES, BYTES = 10_000, 3_000_000_000
Members = tuple[str, dict[str, Member]]


@dataclass(frozen=True)
class Sample:
    uid: str | None  # 32 hex digits
    read: Callable[[], Parts]  # extension -> bytes; good until the next batch is asked for


@dataclass
class Counts:
    processed_count: int = 0  # samples of the input
    output_count: int = 0  # copies written
    output_shard_count: int = 0
    without_uid: int = 0
    missing_count: int = 0  # of the subset, in none of the tars


@dataclass
class Resharded(Counts):
    """`passed`: copies that an interrupted export had written already."""

    passed: int = 0


def reshard(
    tars: Iterable[str],
    subset: np.ndarray,
    out: Folder,
    *,
    samples_per_shard: int = SAMPLES,
    bytes_per_shard: int = BYTES,
) -> Counts:
    """Write the subset's samples into `out`.

    tars    paths or fsspec URLs; read one after another, an image at a time
    subset  (n,) `u8,u8`, a uid as often as it is wanted; sorted here if it is not
    Raises InputError for a tar that is damaged or missing, and for a subset of another type; MachineError for a
    folder that holds other things.
    """
    tars = list(tars)
    return copy_samples(
        tar_samples(tars),
        subset,
        out,
        fingerprint(tars),
        samples_per_shard=samples_per_shard,
        bytes_per_shard=bytes_per_shard,
    )


def copy_samples(
    batches: Iterable[list[Sample]],
    subset: np.ndarray,
    out: Folder,
    mark: str,
    *,
    samples_per_shard: int = SAMPLES,
    bytes_per_shard: int = BYTES,
) -> Resharded:
    """The same for samples from anywhere. `mark` stands for what they are: an export of others is refused.

    An export that is whole is told and not made again, one that was interrupted goes on.
    """
    if subset.dtype != UID_DTYPE or subset.ndim != 1:
        raise InputError(
            f"the subset is {subset.dtype} of shape {subset.shape}, not a row of `u8,u8`", "see DataComp's subset files"
        )
    subset = sort_uids(subset)
    writer = ShardWriter(out, samples_per_shard, bytes_per_shard, fingerprint(mark, sha256(subset.tobytes())))
    if writer.done:
        told = out.read_json("meta.json")
        known = Counts(**{name: told[name] for name in asdict(Counts())})
        return Resharded(**asdict(known), passed=known.output_count)
    lookup, counts = _Lookup(subset), Counts()
    for samples in batches:
        uids = [sample.uid for sample in samples]
        counts.processed_count += len(samples)
        counts.without_uid += uids.count(None)
        for sample, copies in zip(samples, lookup.copies(uids), strict=True):
            for j in range(copies):
                writer.add(f"{sample.uid}-{j}", sample.read)
    writer.close()
    counts.output_count, counts.output_shard_count = sum(writer.sizes.values()), len(writer.sizes)
    counts.missing_count = len(subset) - lookup.found
    ids = io.BytesIO()
    np.save(ids, subset, allow_pickle=False)
    limits = {"samples_per_shard": samples_per_shard, "bytes_per_shard": bytes_per_shard}
    writer.finish(
        {
            "sizes.json": canonical_json(writer.sizes),
            "sample_ids.npy": ids.getvalue(),
            "meta.json": canonical_json({**asdict(counts), **limits}),
        }
    )
    return Resharded(**asdict(counts), passed=writer.passed)


def tar_samples(tars: Iterable[str]) -> Iterator[list[Sample]]:
    """A batch per tar."""
    for tar in tars:
        folder, base = posixpath.split(tar)
        home = Folder(folder or ".")
        with _opened(home, base) as stream:
            samples = list(grouped(index(stream, tar), tar))
            uids = _uids(home, base, stream, samples)
            reads = [partial(_parts, stream, members) for _, members in samples]
            yield [Sample(uid, read) for uid, read in zip(uids, reads, strict=True)]


class _Lookup:
    """How often a sorted subset has each uid: two binary searches."""

    def __init__(self, subset: np.ndarray) -> None:
        self._high, self._low = (np.ascontiguousarray(subset[name]) for name in ("f0", "f1"))
        self._seen = np.zeros(len(subset), bool)

    @property
    def found(self) -> int:
        return int(np.count_nonzero(self._seen))

    def copies(self, uids: list[str | None]) -> list[int]:
        known = [i for i, uid in enumerate(uids) if uid is not None]
        packed = pack_uids(pl.Series([uids[i] for i in known], dtype=pl.String))
        left = np.searchsorted(self._high, packed["f0"], "left")
        right = np.searchsorted(self._high, packed["f0"], "right")
        counts = [0] * len(uids)
        for at in np.flatnonzero(right > left).tolist():
            low = self._low[left[at] : right[at]]
            begin, end = (int(np.searchsorted(low, packed["f1"][at], side)) for side in ("left", "right"))
            self._seen[left[at] + begin : left[at] + end] = True
            counts[known[at]] = end - begin
        return counts


def _opened(home: Folder, base: str) -> IO[bytes]:
    try:
        stream: IO[bytes] = home.open(base)
    except FileNotFoundError as error:
        raise InputError(f"{home.url(base)}: there is no such tar", "check the names of the shards") from error
    return stream


def _uids(home: Folder, base: str, stream: IO[bytes], samples: list[Members]) -> list[str | None]:
    found = [_own(stream, members.get("json")) for _, members in samples]
    table = f"{base.removesuffix('.tar')}.parquet"
    if None not in found or not home.exists(table):
        return found
    listed = pl.from_arrow(home.read_table(table))
    assert isinstance(listed, pl.DataFrame)
    if {c.IMAGE_UID, c.TAR, c.OFFSET} <= set(listed.columns):
        raise InputError(
            f"{home.url(base)}: is a shard of a run's pool, whose texts are in its table only",
            "curate export RUN --to FOLDER, with --subset FILE for another list of uids",
        )
    if not {c.KEY, c.UID} <= set(listed.columns):
        return found
    by_key = dict(zip(listed[c.KEY].to_list(), listed[c.UID].to_list(), strict=True))
    return [own if own is not None else _uid(by_key.get(key)) for own, (key, _) in zip(found, samples, strict=True)]


def _own(stream: IO[bytes], member: Member | None) -> str | None:
    if member is None:
        return None
    try:
        record = json.loads(_data(stream, member))
    except ValueError:
        return None
    return _uid(record.get(c.UID)) if isinstance(record, dict) else None


def _uid(value: object) -> str | None:
    """32 lower-case hex digits, or None; DataComp's tables leave leading zeros out."""
    if not isinstance(value, str) or not 0 < len(value) <= 32:
        return None
    text = value.lower()
    return text.zfill(32) if all(digit in "0123456789abcdef" for digit in text) else None


def _data(stream: IO[bytes], member: Member) -> bytes:
    stream.seek(member.offset)
    return stream.read(member.size)


def _parts(stream: IO[bytes], members: dict[str, Member]) -> Parts:
    return {extension: _data(stream, member) for extension, member in members.items()}
