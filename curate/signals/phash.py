"""The perceptual hash of the stored image, 64 bits, bit for bit `imagehash.phash` (imagehash 4.3).

Grey, 32 x 32 by Lanczos, DCT-II over columns then rows, the top-left 8 x 8 with its DC term, one bit where
the coefficient is above the median of the 64, row-major, first bit the highest. Zauner (2010), section 3.2.1.
A whole batch goes through one transform.
"""

import numpy as np
import pyarrow as pa
import scipy.fft
from PIL.Image import Image, Resampling

from curate import schema as c
from curate.signals import Batch

SIDE, BITS = 32, 8


class PHash:
    family = "phash"
    version = 1
    schema = c.PHASH_SCHEMA
    reads_images = True

    def identity(self) -> tuple[object, ...]:
        return ()

    def measure(self, batch: Batch) -> pa.Table:
        present = [i for i, grey in enumerate(batch.grey) if grey is not None]
        hashes: list[int | None] = [None] * len(batch)
        for i, value in zip(present, phash([batch.grey[i] for i in present]), strict=True):  # type: ignore[misc]
            hashes[i] = int(value)
        return pa.table([pa.array(hashes, pa.uint64())], schema=c.PHASH_SCHEMA)


def phash(greys: list[Image]) -> np.ndarray:
    """uint64, shape (n,), of images in mode "L"."""
    if not greys:
        return np.zeros(0, np.uint64)
    small = np.stack([np.asarray(grey.resize((SIDE, SIDE), Resampling.LANCZOS)) for grey in greys])
    waves = scipy.fft.dct(scipy.fft.dct(small.astype(np.float64), axis=1), axis=2)[:, :BITS, :BITS]
    flat = waves.reshape(len(greys), BITS * BITS)
    bits = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(">u8")[:, 0].astype(np.uint64)
