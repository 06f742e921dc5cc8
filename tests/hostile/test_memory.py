"""An image of 49 megapixels takes a bounded amount of memory, in the process that decodes it."""

import asyncio
from pathlib import Path

import pytest

from tests.hostile.memory import LIMIT, POLICIES, made, peak

# The worst of each format; `python -m tests.hostile.memory` measures all. What would take more is refused.
WORST = {
    "jpeg progressive 4:4:4": "ok",
    "jpeg cmyk progressive": "too_many_pixels",
    "png 16-bit rgba": "ok",
    "webp lossless alpha": "ok",
    "gif": "ok",
    "avif 4:4:4": "too_many_pixels",
    "bmp rle8": "ok",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WORST))
def test_one_image(name: str, tmp_path: Path) -> None:
    found = asyncio.run(peak(made(name, tmp_path).read_bytes(), POLICIES["384"]))
    assert found.outcome == WORST[name]
    assert found.megabytes <= LIMIT
