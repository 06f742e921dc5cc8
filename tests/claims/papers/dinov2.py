"""DINOv2 (Oquab et al. 2023): data retrieved by a curated set, and the spread of features by KoLeo."""

import io
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from curate.filters.retrieve import Retrieve
from curate.uid import draw
from tests.claims import arena, embeddings
from tests.claims.claim import Claim, Paper

PAPER = Paper("DINOv2", "2304.07193")
WANTED = ("cat", "deer", "dog", "horse")
QUERIES = 25  # of each
NEAREST = 16  # of each query


def retrieved(seed: int, cache: Path) -> dict[str, float]:
    """100 pictures of four classes retrieve their neighbours from a pool of ten classes; as many are drawn from it.

    Both models learn from the right captions of what was chosen. The paper trains on images alone.
    """
    model = embeddings.embedder(seed, cache)
    frame = embeddings.embedded(model, embeddings.pool(seed))
    ours = embeddings.held(seed).filter(pl.col("label").is_in(WANTED))
    queries = ours.filter(pl.int_range(pl.len()).over("label") < QUERIES)
    item = Retrieve(model=embeddings.MODEL, queries="curated", k=NEAREST)
    found = embeddings.kept_by(item, frame, embeddings.embedded(model, queries))
    test = arena.cifar_test().filter(pl.col("label").is_in(WANTED))
    arms = {"retrieved": found, "random": frame.head(len(found))}  # the pool is in a drawn order

    def points(rows: pl.DataFrame) -> float:
        trained = arena.train(rows, seed, cache)
        return arena.zero_shot(trained, test, WANTED, arena.FORMS, cache).accuracy

    return {name: points(rows) for name, rows in arms.items()}


def koleo(seed: int, cache: Path) -> dict[str, float]:
    """A picture that was cropped and brightened is looked for among 600: R@1. Both models are DINOv2's, a tiny ViT."""
    frame, test = arena.cifar_train(seed), arena.cifar_test(600)
    altered = test.with_columns(pl.Series("jpg", [_altered(jpg, str(row)) for row, _, jpg in test.rows()]))

    def points(weight: float) -> float:
        model = arena.train(
            frame,
            seed,
            cache,
            objective="dinov2",
            samples_seen=4800,
            batch=32,
            lr=5e-4,
            options={"koleo": weight},
        )
        nearest = (model.images(altered) @ model.images(test).T).argmax(1)
        return 100 * float(np.mean(nearest == np.arange(len(test))))

    return {"KoLeo": points(0.1), "without": points(0.0)}


def _altered(jpg: bytes, key: str) -> bytes:
    """A corner less, a fifth brighter."""
    image = Image.open(io.BytesIO(jpg)).convert("RGB")
    left, top = (int(draw(0, key, way) * 5) for way in ("left", "top"))  # of 32 px
    image = image.crop((left, top, left + image.width - 4, top + image.height - 4))
    sink = io.BytesIO()
    image.point([min(255, round(1.2 * value)) for value in range(256)] * 3).save(sink, "JPEG", quality=95)
    return sink.getvalue()


CLAIMS = (
    Claim(
        "dinov2/retrieved-data",
        PAPER,
        "data retrieved by curated images teaches more than as much uncurated data",
        "ImageNet-1k 85.8 against 83.3, Oxford-M 64.6 against 54.3 (Table 2)",
        "retrieved",
        "random",
        "CIFAR-10, a pool of 10,000 of ten classes, 4 wanted; zero-shot of those",
        (0, 1, 2),
        retrieved,
    ),
    Claim(
        "dinov2/koleo",
        PAPER,
        "KoLeo helps to find an image again",
        "Oxford-M 63.9 against 55.6 (Table 3a)",
        "KoLeo",
        "without",
        "CIFAR-10, 12,000 pictures, 4,800 samples seen; R@1 of altered copies among 600",
        (0, 1, 2),
        koleo,
    ),
)
