"""Image files as strangers made them, stored by the processes that store downloaded ones."""

import asyncio
import io

import numpy as np
from PIL import Image

from curate.image_store import Stored, StorePolicy
from curate.images import Failed
from curate.schema import Outcome
from pipelines.download.decoders import Decoders
from tests.hostile import pictures_bad, pictures_good
from tests.hostile.cases import Case, Facts, distinct

TOLERANCE = 2  # levels of 255
POLICY = StorePolicy(encode_format="png", encode_quality=1)  # so that what is compared is what was decoded
CASES = distinct([*pictures_good.CASES, *pictures_bad.CASES])


def results() -> dict[str, Facts]:
    return asyncio.run(_all())


async def _all() -> dict[str, Facts]:
    decoders = Decoders(POLICY, 2)
    try:
        found = await asyncio.gather(*[_stored(case, decoders) for case in CASES])
        return {case.name: judged(case, one) for case, one in zip(CASES, found, strict=True)}
    finally:
        decoders.close()


async def _stored(case: Case, decoders: Decoders) -> Stored | Failed:
    return (await decoders.store(case.given[0]())).found


def judged(case: Case, found: Stored | Failed) -> Facts:
    pixels = case.given[1]
    if isinstance(found, Failed):
        answered = found.outcome is not Outcome.WORKER_CRASH
        return {"outcome": str(found.outcome), "stored": False, "answered": answered, "message": found.message}
    off = distance(found.data, pixels) if pixels is not None and max(pixels.shape) <= 384 else 0.0
    return {
        "outcome": "ok",
        "stored": True,
        "answered": True,
        "size": (found.original_width, found.original_height),
        "pixels": off <= TOLERANCE,
        "clean": pictures_good.NEEDLE.encode() not in found.data,
        "format": found.format,
        "frames": found.frames,
        "message": f"off by {off:.1f}",
    }


def distance(data: bytes, pixels: np.ndarray) -> float:
    """The largest difference around the middles of the four quarters, where every codec has to be right."""
    image = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)
    if image.shape != pixels.shape:
        return 999.0
    height, width = image.shape[:2]
    rows = [height * n // 4 + d for n in (1, 3) for d in (-1, 0, 1) if 0 <= height * n // 4 + d < height]
    columns = [width * n // 4 + d for n in (1, 3) for d in (-1, 0, 1) if 0 <= width * n // 4 + d < width]
    where = np.ix_(rows, columns)
    return float(np.abs(image[where] - pixels[where]).max())
