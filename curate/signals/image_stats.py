"""Plain statistics of the stored image: brightness, contrast, saturation, entropy, sharpness.

brightness   mean of the luma, 0 to 1
contrast     standard deviation of the luma, 0 to 0.5
saturation   mean of HSV's S, 0 to 1
entropy      of the 256-bin luma histogram, bits, 0 (one grey) to 8
sharpness    variance of the 4-neighbour Laplacian of the luma in grey levels; low means blurred
"""

import math

import numpy as np
import pyarrow as pa
from PIL.Image import Image

from curate import schema as c
from curate.signals import Batch


class ImageStats:
    family = "image_stats"
    version = 1
    schema = c.IMAGE_STATS
    reads_images = True

    def identity(self) -> tuple[object, ...]:
        return ()

    def measure(self, batch: Batch) -> pa.Table:
        rows = [
            image_stats(image, grey) if image is not None and grey is not None else (None,) * 5
            for image, grey in zip(batch.images, batch.grey, strict=True)
        ]
        columns = zip(*rows, strict=True) if rows else [()] * 5
        arrays = [pa.array(column, field.type) for column, field in zip(columns, c.IMAGE_STATS, strict=True)]
        return pa.table(arrays, schema=c.IMAGE_STATS)


def image_stats(image: Image, grey: Image) -> tuple[float, float, float, float, float]:
    """brightness, contrast, saturation, entropy, sharpness of an RGB image and its luma."""
    # Pillow counts histograms in C; the moments follow from 256 numbers, exactly.
    counts = np.asarray(grey.histogram(), dtype=np.float64)
    share = counts / counts.sum()
    levels = np.arange(256) / 255
    mean = float(share @ levels)
    deviation = math.sqrt(max(0.0, float(share @ levels**2) - mean**2))
    used = share[share > 0]
    entropy = float(-(used * np.log2(used)).sum())
    saturation_counts = np.asarray(image.convert("HSV").getchannel("S").histogram(), dtype=np.float64)
    saturation = float(saturation_counts @ levels / saturation_counts.sum())
    return mean, deviation, saturation, abs(entropy), laplacian_variance(np.asarray(grey))


def laplacian_variance(grey: np.ndarray) -> float:
    """Variance of the Laplacian over the inner pixels of a uint8 array of shape (h, w); 0 below 3 x 3."""
    if min(grey.shape) < 3:
        return 0.0
    g = grey.astype(np.int16)
    laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
    values = laplacian.astype(np.float64)
    return float(values.var())
