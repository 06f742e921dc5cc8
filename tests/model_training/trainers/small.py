"""A small data set and a small model, so that a training takes a second."""

import json
from pathlib import Path
from typing import Any

from curate.files import Folder
from curate.tars import TarBuilder
from model_training.trainers.plan import Job, Plan
from tests.conftest import picture

SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
}


def shards(folder: Path, count: int = 2, rows: int = 12, texts: int = 1) -> tuple[str, ...]:
    """Tars of our own layout: jpg, txt, json with `texts` and the image's sha256."""
    places = []
    for shard in range(count):
        tar = TarBuilder()
        for row in range(rows):
            number = shard * rows + row
            listed = [{"text": f"thing number {number}, said {i}"} for i in range(texts)]
            about = {"sha256": f"{number:064x}", "texts": listed}
            tar.add(f"{number:05d}.jpg", picture(number, (40 + number % 5, 36)))
            tar.add(f"{number:05d}.json", json.dumps(about).encode())
            tar.add(f"{number:05d}.txt", listed[0]["text"].encode())
        places.append(str(folder / f"{shard:05d}.tar"))
        Path(places[-1]).write_bytes(tar.close())
    return tuple(places)


def job(folder: Path, under: str = "train/0", *, root: str | None = None, seed: int = 0, **plan: Any) -> Job:
    """A job on the shards in `folder`, made at the first call."""
    arch = folder / "small.json"
    if not arch.exists():
        arch.write_text(json.dumps(SMALL))
        shards(folder)
    places = tuple(sorted(str(path) for path in folder.glob("*.tar")))
    given = {"arch": str(arch), "samples_seen": 12 * 8, "batch": 8, "warmup": 3, **plan}
    return Job(f"small/{under[-1]}", Plan(**given), places, "content", seed, Folder(root or str(folder / "run")), under)
