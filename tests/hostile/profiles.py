"""Colour profiles made here, whose effect cannot be overlooked, and what they do, computed without any library."""

import struct

import numpy as np
from PIL import ImageCms

SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SWAPPED = SRGB[:, [1, 0, 2]]


def profile(primaries: np.ndarray, name: str = "wide") -> bytes:
    """sRGB's curve with other primaries (columns: red, green, blue in XYZ of D50) and a name of 4 letters."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * struct.unpack_from(">I", data, 128)[0], 12):
        tag, offset = struct.unpack_from(">4sI", data, at)
        if tag in (b"rXYZ", b"gXYZ", b"bXYZ"):
            column = primaries[:, b"rgb".index(tag[0])]
            struct.pack_into(">3i", data, offset + 8, *(round(float(value) * 65_536) for value in column))
    renamed = bytes(data).replace("sRGB".encode("utf-16-be"), name.encode("utf-16-be"))
    return renamed.replace(b"sRGB", name.encode())


def shown(pixels: np.ndarray, primaries: np.ndarray) -> np.ndarray:
    """8-bit values under those primaries as 8-bit sRGB."""
    levels = pixels / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    linear = (linear @ (np.linalg.inv(SRGB) @ primaries).T).clip(0, 1)
    coded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return (coded * 255).round()
