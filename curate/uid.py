"""Names and draws that depend on content alone, never on position, worker or order.

uid: the first 16 bytes of sha256 over the length-prefixed UTF-8 url and caption, as 32 hex digits.
The prefix (8 bytes, big endian) keeps ("ab", "c") and ("a", "bc") apart.
"""

import hashlib
import struct
from collections.abc import Iterable


def content_uid(url: str, caption: str) -> str:
    """The uid of a pair. Without a url, pass the image's sha256 in its place."""
    digest = hashlib.sha256()
    for part in (url, caption):
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


def fold_of(seed: int, sha256: str, folds: int) -> int:
    """The fold of an image: by its content, so that copies of it are in one fold."""
    return draw_int(seed, sha256, "fold") % folds


def fingerprint(*parts: object) -> str:
    """16 hex digits over parts that have a stable `repr` (numbers, strings, sorted tuples)."""
    return hashlib.sha256("\x1e".join(map(repr, parts)).encode()).hexdigest()[:16]


def split_uid(uids: Iterable[str]) -> list[tuple[int, int]]:
    """DataComp's pair of unsigned 64-bit integers: upper and lower 16 hex digits."""
    return [(int(uid[:16], 16), int(uid[16:32], 16)) for uid in uids]
