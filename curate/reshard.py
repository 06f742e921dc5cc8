"""A subset of shards as new shards: DataComp's resharder (Gadre et al. 2023, arXiv 2304.14108).

For each sample of the input tars, in their order, as many copies as the subset has its uid; copy j has the key
`UID-j`. A shard is full with 10,000 samples or from 3e9 bytes on. Beside the tars: for each its `_stats.json` with
`successes`, which is how DataComp counts shards without reading them; then sizes.json, sample_ids.npy, meta.json.
Inputs are what img2dataset and DataComp write: tars whose samples have a .json with `uid`, or a Parquet table of
the tar's name with the columns `key` and `uid`. A sample without a uid is counted, not copied.
"""

import io
import json
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import IO

import numpy as np
import polars as pl

from curate import schema as c
from curate.errors import InputError
from curate.files import Folder, canonical_json
from curate.tars import Member, TarBuilder, grouped, index
from curate.uid import UID_DTYPE, pack_uids, sort_uids

SAMPLES, BYTES = 10_000, 3_000_000_000
Sample = tuple[str, dict[str, Member]]


@dataclass
class Counts:
    processed_count: int = 0  # samples of the input
    output_count: int = 0  # copies written
    output_shard_count: int = 0
    without_uid: int = 0
    missing_count: int = 0  # of the subset, in none of the tars


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
    Raises InputError for a tar that is damaged or missing, and for a subset of another type.
    """
    if subset.dtype != UID_DTYPE or subset.ndim != 1:
        raise InputError(f"the subset is {subset.dtype} of shape {subset.shape}, not a row of `u8,u8`")
    subset = sort_uids(subset)
    lookup = _Lookup(subset)
    writer, counts = _Writer(out, samples_per_shard, bytes_per_shard), Counts()
    for tar in tars:
        folder, base = posixpath.split(tar)
        home = Folder(folder or ".")
        with _opened(home, base) as stream:
            samples = list(grouped(index(stream, tar), tar))
            uids = _uids(home, base, stream, samples)
            counts.processed_count += len(samples)
            counts.without_uid += uids.count(None)
            for (_, members), uid, copies in zip(samples, uids, lookup.copies(uids), strict=True):
                if copies:
                    parts = {extension: _data(stream, member) for extension, member in members.items()}
                    for j in range(copies):
                        writer.add(f"{uid}-{j}", parts)
    writer.finish()
    counts.output_count, counts.output_shard_count = sum(writer.sizes.values()), len(writer.sizes)
    counts.missing_count = len(subset) - lookup.found
    out.write("sizes.json", canonical_json(writer.sizes))
    ids = io.BytesIO()
    np.save(ids, subset, allow_pickle=False)
    out.write("sample_ids.npy", ids.getvalue())
    limits = {"samples_per_shard": samples_per_shard, "bytes_per_shard": bytes_per_shard}
    out.write("meta.json", canonical_json({**asdict(counts), **limits}))
    return counts


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


@dataclass
class _Writer:
    out: Folder
    most_samples: int
    most_bytes: int
    sizes: dict[str, int] = field(default_factory=dict)
    _tar: TarBuilder | None = None
    _count: int = 0
    _bytes: int = 0

    def add(self, key: str, parts: Mapping[str, bytes]) -> None:
        if self._tar is not None and (self._count >= self.most_samples or self._bytes >= self.most_bytes):
            self.finish()
        if self._tar is None:
            self._tar = TarBuilder()
        for extension, data in parts.items():
            self._tar.add(f"{key}.{extension}", data)
            self._bytes += len(data)
        self._count += 1

    def finish(self) -> None:
        if self._tar is None:
            return
        name = f"{len(self.sizes):08d}"
        self.out.publish(self.out.stage(f"{name}.tar", "reshard", self._tar.finish()), f"{name}.tar")
        self.out.write(f"{name}_stats.json", canonical_json({"successes": self._count}))
        self.sizes[f"{name}.tar"] = self._count
        self._tar, self._count, self._bytes = None, 0, 0


def _opened(home: Folder, base: str) -> IO[bytes]:
    try:
        stream: IO[bytes] = home.open(base)
    except FileNotFoundError as error:
        raise InputError(f"{home.url(base)}: there is no such tar") from error
    return stream


def _uids(home: Folder, base: str, stream: IO[bytes], samples: list[Sample]) -> list[str | None]:
    found = [_own(stream, members.get("json")) for _, members in samples]
    table = f"{base.removesuffix('.tar')}.parquet"
    if None not in found or not home.exists(table):
        return found
    listed = pl.from_arrow(home.read_table(table))
    assert isinstance(listed, pl.DataFrame)
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
