"""CoCa (Yu et al. 2022): one pass of one network learns to contrast and to caption."""

import io
from pathlib import Path

import polars as pl
from PIL import Image

from model_training.evaluation.captioning import captioning
from tests.claims import arena
from tests.claims.claim import Claim, Paper

PAPER = Paper("CoCa", "2205.01917")
SEEDS = (0, 1, 2)
SEEN = 6400


def both(seed: int, cache: Path) -> dict[str, float]:
    """The same network with and without the captioning loss."""
    test = arena.web_table(arena.web(seed, cache).pairs)
    return {
        "both": arena.retrieval(_model(seed, cache, 2.0), test, cache),
        "contrast alone": arena.retrieval(_model(seed, cache, 0.0), test, cache),
    }


def captions(seed: int, cache: Path) -> dict[str, float]:
    """CIDEr-D times 100 of what it says of each picture, against the same texts dealt to the next picture."""
    test = arena.web_table(arena.web(seed, cache).pairs)
    images = [Image.open(io.BytesIO(jpg)).convert("RGB") for jpg in test["jpg"]]
    said = _model(seed, cache, 2.0).loaded.caption(images, [f"{row:032x}" for row in range(len(test))])

    def points(texts: list[str]) -> float:
        found = captioning(texts, [[caption] for caption in test["caption"]])
        return 100 * next(metric.value for metric in found if metric.name == "cider_d")

    return {"own picture": points(said), "next picture": points(said[1:] + said[:1])}


def _model(seed: int, cache: Path, weight: float) -> arena.Model:
    web = arena.web(seed, cache)
    tables = (arena.web_pool(web).filter("right"), arena.web_table(web.trusted))
    frame = pl.concat([table.select("jpg", "caption") for table in tables])
    options = {"caption_weight": weight}
    return arena.train(frame, seed, cache, objective="coca", samples_seen=SEEN, options=options)


DATA = "planted web, 1,570 right pairs, 6,400 samples seen; 200 pairs"
CLAIMS = (
    Claim(
        "coca/both-tasks",
        PAPER,
        "learning to caption costs the contrast nothing",
        "zero-shot no worse, 18 % more compute (section 3.2)",
        "both",
        "contrast alone",
        f"{DATA}, R@1",
        SEEDS,
        both,
        margin=2.0,
    ),
    Claim(
        "coca/captions",
        PAPER,
        "the same pass learns to caption",
        "COCO, fine-tuned: CIDEr 143.6 (Table 6)",
        "own picture",
        "next picture",
        f"{DATA}, CIDEr-D times 100",
        SEEDS,
        captions,
    ),
)
