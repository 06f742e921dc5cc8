"""What all tests share: small tables of pool rows, pictures, and where the real inputs are, if they are."""

import io
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image, ImageDraw

from curate import schema as c

os.environ.setdefault("RAY_AUTH_MODE", "disabled")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, where processes share out whole files: they then end at about the same time."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real photos, captions and labels; a test that needs them is skipped where they are not."""
    if not SHARED.is_dir():
        pytest.skip("the shared data is not here")
    return SHARED


def picture(seed: int, size: tuple[int, int] = (256, 240), kind: str = "JPEG", **options: Any) -> bytes:
    """A picture with enough in it that two seeds have far hashes."""
    import numpy as np

    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 255, (6, 6, 3)).astype("uint8")).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, r = (int(rng.integers(0, size[0])), int(rng.integers(0, size[1])), int(rng.integers(8, 60)))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def samples(rows: int, **columns: Any) -> pl.DataFrame:
    """A decided-upon frame: downloaded web samples of distinct images, with the columns given."""
    uids = [f"{i:032x}" for i in range(rows)]
    base: dict[str, Any] = {
        c.UID: uids,
        c.IMAGE_UID: columns.pop(c.IMAGE_UID, uids),
        c.ORIGIN: [c.WEB] * rows,
        c.OUTCOME: ["ok"] * rows,
        c.SHA256: [f"{i:064x}" for i in range(rows)],
        c.ORIGINAL_WIDTH: [400] * rows,
        c.ORIGINAL_HEIGHT: [300] * rows,
    }
    return pl.DataFrame({**base, **columns})
