"""Real photos with captions as WebDataset tars, for the benches of models."""

import io
from pathlib import Path

from PIL import Image, ImageOps

from curate.tars import TarBuilder
from tests.conftest import SHARED

LONGEST = 384  # px


def tars(folder: Path, count: int, per_tar: int) -> list[Path]:
    """`count` samples (.jpg, .txt); the photos come again, mirrored every other time, at another quality."""
    paths = sorted((SHARED / "photos").glob("*.jpg"))
    found = []
    for start in range(0, count, per_tar):
        tar = TarBuilder()
        for i in range(start, min(start + per_tar, count)):
            tar.add(f"{i:08d}.jpg", _photo(paths[i % len(paths)], i // len(paths)))
            tar.add(f"{i:08d}.txt", f"a photo of {paths[i % len(paths)].stem}, number {i}, in the sun".encode())
        found.append(folder / f"{start // per_tar:05d}.tar")
        found[-1].write_bytes(tar.close())
    return found


def _photo(path: Path, turn: int) -> bytes:
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.BICUBIC)
    sink = io.BytesIO()
    (ImageOps.mirror(image) if turn % 2 else image).save(sink, "JPEG", quality=95 - turn % 10)
    return sink.getvalue()
