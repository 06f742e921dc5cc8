"""Difference and average hash of the stored image, 64 bits each, bit for bit imagehash's (imagehash 4.3).

dhash   grey, 9 x 8 (wide x high) by Lanczos, a bit where a pixel is brighter than the one on its left
ahash   grey, 8 x 8 by Lanczos, a bit where a pixel is above the mean of the 64

Both strict, row-major, the first bit the highest. N. Krawetz, hackerfactor.com, "Looks Like It" (2011) and "Kind of
Like That" (2013).
"""

import numpy as np
import pyarrow as pa
from PIL.Image import Image, Resampling

from curate import schema as c
from curate.signals import Batch

SIDE = 8


class Hashes:
    family = "hashes"
    version = 1
    schema = c.HASHES
    reads_images = True

    def identity(self) -> tuple[object, ...]:
        return ()

    def measure(self, batch: Batch) -> pa.Table:
        null = np.array([grey is None for grey in batch.grey], bool)
        present = [grey for grey in batch.grey if grey is not None]
        columns = []
        for hashed in (dhash, ahash):
            values = np.zeros(len(batch), np.uint64)
            values[~null] = hashed(present)
            columns.append(pa.array(values, pa.uint64(), mask=null))
        return pa.table(columns, schema=c.HASHES)


def dhash(greys: list[Image]) -> np.ndarray:
    """uint64, shape (n,), of images in mode "L"."""
    small = _small(greys, SIDE + 1)
    return _packed(small[:, :, 1:] > small[:, :, :-1])


def ahash(greys: list[Image]) -> np.ndarray:
    """uint64, shape (n,), of images in mode "L"."""
    small = _small(greys, SIDE)
    return _packed(small > small.mean(axis=(1, 2), keepdims=True))


def _small(greys: list[Image], width: int) -> np.ndarray:
    if not greys:
        return np.zeros((0, SIDE, width), np.uint8)
    return np.stack([np.asarray(grey.resize((width, SIDE), Resampling.LANCZOS)) for grey in greys])


def _packed(bits: np.ndarray) -> np.ndarray:
    """(n, 8, 8) bool -> (n,) uint64."""
    return np.packbits(bits.reshape(len(bits), SIDE * SIDE), axis=1).view(">u8").reshape(-1).astype(np.uint64)
