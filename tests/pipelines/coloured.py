"""A pool of coloured pictures, half of them with the name of another colour, and a recipe that loops on it."""

import random
from pathlib import Path
from typing import Any

import polars as pl
import yaml
from PIL import Image

from curate.uid import content_uid
from tests.model_training.trainers.small import SMALL

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "white": (240, 240, 240)}
FORMS = ("a {} picture", "one {} thing", "all of it is {}")


def image(colour: str, seed: int) -> bytes:
    """A noisy picture of one colour, in PNG: its pixels are the same with any codec library."""
    import io

    rng = random.Random(f"{colour} {seed}")
    tint = COLOURS[colour]
    pixels = [tuple(min(255, max(0, v + rng.randint(-25, 25))) for v in tint) for _ in range(400)]
    made = Image.new("RGB", (20, 20))
    made.putdata(pixels)
    sink = io.BytesIO()
    made.save(sink, "PNG")
    return sink.getvalue()


def rows(count: int, seed: int, wrong: float) -> pl.DataFrame:
    rng, found = random.Random(seed), []
    for i in range(count):
        colour = list(COLOURS)[i % len(COLOURS)]
        right = rng.random() >= wrong
        told = colour if right else rng.choice([c for c in COLOURS if c != colour])
        caption = f"{FORMS[i % len(FORMS)].format(told)} number {i}"
        found.append(
            {
                "uid": content_uid(f"{seed}/{i}", caption),
                "jpg": image(colour, 1000 * seed + i),
                "caption": caption,
                "label": colour,
                "right": right,
            }
        )
    return pl.DataFrame(found)


def world(folder: Path, pairs: int = 96, **changes: Any) -> Path:
    """Tables and a recipe; returns the recipe's path. `changes` replace keys of the recipe."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    pool = rows(pairs, 1, 0.5)
    pool.select("uid", "jpg", "caption").write_parquet(folder / "pool.parquet")
    pool.select("uid", "right").write_parquet(folder / "truth.parquet")
    rows(24, 2, 0.0).select("jpg", "caption").write_parquet(folder / "trusted.parquet")
    rows(32, 3, 0.0).select("jpg", "label").write_parquet(folder / "objects.parquet")
    rows(20, 4, 0.0).select("jpg", "caption").write_parquet(folder / "pairs.parquet")
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": list(COLOURS), "templates": list(FORMS)}))
    (folder / "small.json").write_text(json.dumps(SMALL))
    data: dict[str, Any] = {
        "name": "coloured",
        "seed": 3,
        "run_dir": "run",
        "input": {"table": "pool.parquet"},
        "models": {"clip": {"kind": "trained"}},
        "samples_per_shard": 40,
        "statistics": ["image_stats"],
        "filters": [{"clip_score": {"model": "clip", "top": 0.5, "of": "survivors"}}],
        "dataset": {"samples_per_shard": 20},
        "train": {"model": "small.json", "samples_seen": 160, "batch": 16, "warmup": 2, "seeds": [0, 1]},
        "eval": [
            {"name": "objects", "kind": "zero_shot", "data": "objects.parquet", "classes": "classes.yaml"},
            {"name": "pairs", "kind": "retrieval", "data": "pairs.parquet", "use": "select"},
        ],
        "loop": {
            "rounds": 2,
            "trusted": "trusted.parquet",
            "scorer": {"samples_seen": 640, "folds": 2},
            "oracle": {"table": "truth.parquet", "column": "right"},
        },
        "engine": {"kind": "serial"},
        **changes,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder / "recipe.yaml"
