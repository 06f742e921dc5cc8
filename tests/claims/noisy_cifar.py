"""The loop on CIFAR-10 with captions made of class names, most of them wrong: raw, random, curated and oracle.

python -m tests.claims.noisy_cifar SAMPLE.parquet FOLDER [wrong share] [samples seen] [trusted pairs]

SAMPLE has the columns split, label and jpg. FOLDER gets tables and a recipe; then: curate loop FOLDER/recipe.yaml
"""

import random
import sys
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from curate.uid import content_uid, draw, draw_int

FORMS = ("a photo of a {}", "a {} in a small picture", "picture of the {}", "one {}", "this is a {}")


def write(sample: Path, folder: Path, wrong: float, samples_seen: int, trusted: int, seed: int = 0) -> Path:
    """Pool, truth, trusted pairs and evaluation sets; returns the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pl.read_parquet(sample).with_row_index("row")
    train, test = frame.filter(pl.col("split") == "train"), frame.filter(pl.col("split") == "test")
    classes = sorted(frame["label"].unique().to_list())
    held = set(random.Random(seed).sample(train["row"].to_list(), trusted))
    pool = train.filter(~pl.col("row").is_in(held))
    rows = []
    for row in pool.iter_rows(named=True):
        key = str(row["row"])
        right = draw(seed, key, "right") >= wrong
        others = [name for name in classes if name != row["label"]]
        told = row["label"] if right else others[draw_int(seed, key, "class") % len(others)]
        caption = FORMS[draw_int(seed, key, "form") % len(FORMS)].format(told)
        rows.append({"uid": content_uid(key, caption), "jpg": row["jpg"], "caption": caption, "right": right})
    table = pl.DataFrame(rows)
    table.select("uid", "jpg", "caption").write_parquet(folder / "pool.parquet")
    table.select("uid", "right").write_parquet(folder / "truth.parquet")
    named = pl.format("a photo of a {}", pl.col("label")).alias("caption")
    train.filter(pl.col("row").is_in(held)).select("jpg", named).write_parquet(folder / "trusted.parquet")
    test.select("jpg", "label").write_parquet(folder / "test.parquet")
    templates = list(FORMS)
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": classes, "templates": templates}))
    loop = {"rounds": 1, "oracle": {"table": "truth.parquet", "column": "right"}, "scorer": {"folds": 2}}
    recipe: dict[str, Any] = {
        "version": 1,
        "name": "noisy-cifar",
        "seed": seed,
        "run_dir": "run",
        "input": {"table": "pool.parquet"},
        "models": {"clip": {"kind": "trained"}},
        "statistics": [],
        "filters": [{"clip_score": {"model": "clip", "top": round(1 - wrong, 2), "of": "survivors"}}],
        # At the learning rate and weight decay of the demo, models of noisy pairs collapse to a constant.
        "train": {"samples_seen": samples_seen, "batch": 128, "lr": 1e-3, "weight_decay": 0.2, "crop_area": 0.8},
        "eval": [{"name": "test", "kind": "zero_shot", "data": "test.parquet", "classes": "classes.yaml"}],
        "loop": loop | ({"trusted": "trusted.parquet"} if trusted else {}),
    }
    recipe["train"]["seeds"] = [0, 1, 2]
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


if __name__ == "__main__":
    given = sys.argv[3:]
    print(
        write(
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            float(given[0]) if given else 0.6,
            int(given[1]) if len(given) > 1 else 76_800,
            int(given[2]) if len(given) > 2 else 0,
        )
    )
