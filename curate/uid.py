"""Names and draws that depend on content alone, never on position, worker or order.

uid: the first 16 bytes of sha256 over the length-prefixed UTF-8 url and caption, as 32 hex digits.
The prefix (8 bytes, big endian) keeps ("ab", "c") and ("a", "bc") apart.
"""

import binascii
import hashlib
import struct
from collections.abc import Iterable

import numpy as np
import polars as pl
import pyarrow as pa

UID_DTYPE = np.dtype("u8,u8")  # DataComp's: upper and lower 16 hex digits


def content_uid(url: str, caption: str) -> str:
    """The uid of a pair. Without a url, pass the image's sha256 in its place."""
    return _hashed(url, caption)


def synthetic_uid(image_uid: str, caption: str) -> str:
    """The uid of a caption that a model wrote of an image."""
    return _hashed(image_uid, caption, "synthetic")


def _hashed(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(struct.pack(">Q", len(data)))
        digest.update(data)
    return digest.hexdigest()[:32]


def draw(seed: int, uid: str, purpose: str) -> float:
    """A number in [0, 1) keyed by (seed, uid, purpose): the same on 1 worker or 1,000."""
    return draw_int(seed, uid, purpose) / 2.0**64


def draw_int(seed: int, uid: str, purpose: str) -> int:
    """A 64-bit integer keyed by (seed, uid, purpose)."""
    key = f"{seed}\x1f{uid}\x1f{purpose}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def draws(seed: int, uids: pl.Series, purpose: str) -> np.ndarray:
    """`draw_int` of every uid: shape (n,), uint64, bit for bit the same numbers."""
    before, after = f"{seed}\x1f", f"\x1f{purpose}"
    digests = b"".join(
        hashlib.blake2b(f"{before}{uid}{after}".encode(), digest_size=8).digest() for uid in uids.to_list()
    )
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def fold_of(seed: int, sha256: str, folds: int) -> int:
    """The fold of an image: by its content, so that copies of it are in one fold."""
    return draw_int(seed, sha256, "fold") % folds


def fingerprint(*parts: object) -> str:
    """16 hex digits over parts that have a stable `repr` (numbers, strings, sorted tuples)."""
    return hashlib.sha256("\x1e".join(map(repr, parts)).encode()).hexdigest()[:16]


def split_uid(uids: Iterable[str]) -> list[tuple[int, int]]:
    """DataComp's pair of unsigned 64-bit integers: upper and lower 16 hex digits."""
    return [(int(uid[:16], 16), int(uid[16:32], 16)) for uid in uids]


def pack_uids(uids: pl.Series) -> np.ndarray:
    """`split_uid` of a column, shape (n,), `u8,u8`. Raises ValueError for what is not 32 hex digits."""
    wrong = ValueError("a uid is not 32 lower-case hex digits")
    if uids.null_count() or not (uids.str.len_bytes() == 32).all():
        raise wrong
    texts = uids.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    start = 32 * texts.offset
    digits = texts.buffers()[2][start : start + 32 * len(uids)].to_pybytes() if len(uids) else b""
    try:
        found = np.frombuffer(binascii.unhexlify(digits), ">u8")
    except binascii.Error as error:
        raise wrong from error
    # Of hex digits only the upper-case letters lack this bit.
    if len(digits) and np.bitwise_and.reduce(np.frombuffer(digits, np.uint8)) & 0x20 == 0:
        raise wrong
    packed = np.empty(len(uids), UID_DTYPE)
    packed["f0"], packed["f1"] = found[0::2], found[1::2]
    return packed


def hex_uids(packed: np.ndarray) -> pl.Series:
    """The inverse of `pack_uids`: 32 hex digits each."""
    rows = len(packed)
    digits = binascii.hexlify(np.stack([packed["f0"], packed["f1"]], axis=1).astype(">u8").tobytes())
    ends = np.arange(0, 32 * rows + 1, 32, dtype=np.int64)
    texts = pa.LargeStringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(digits))
    return pl.Series(texts, dtype=pl.String)


def sort_uids(packed: np.ndarray) -> np.ndarray:
    """Sorted as pairs: NumPy compares structured values one at a time, polars sorts columns."""
    frame = pl.DataFrame({"f0": packed["f0"], "f1": packed["f1"]}).sort("f0", "f1")
    ordered = np.empty(len(packed), UID_DTYPE)
    ordered["f0"], ordered["f1"] = frame["f0"].to_numpy(), frame["f1"].to_numpy()
    return ordered
