"""Tables to be judged by and to learn from: classes, evaluation images, retrieval pairs, trusted pairs."""

import random
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import yaml

from curate import schema
from curate.planted.captions import describe
from curate.planted.pictures import Made, Picture
from curate.planted.scenes import CLASSES, Split, concepts, sample_scene
from curate.uid import draw_int

JPG = "jpg"
TEMPLATES = (
    "a photo of a {}.",
    "a {}",
    "picture of a {}",
    "{} - stock photo",
    "an image of a {}.",
    "drawing of a {}",
    "my drawing of a {}",
)


def class_names(seed: int) -> list[str]:
    """The most frequent concepts of the pool."""
    return [" ".join(concept) for concept in concepts(seed)[:CLASSES]]


def pictures_of(seed: int, split: Split, count: int) -> list[Picture]:
    """`count` pictures of combinations that only this split has; objects go through the classes in turn."""
    classes = concepts(seed)[:CLASSES]
    by_draw = sorted(range(count), key=lambda i: draw_int(seed, f"{split}/{i}", "class order"))
    turns = {row: turn for turn, row in enumerate(by_draw)}
    pictures = []
    for row in range(count):
        name = f"{split}/{row}"
        concept = classes[turns[row] % CLASSES] if split is Split.OBJECTS else None
        rng = random.Random(draw_int(seed, name, "size"))
        short = rng.randint(204, 260)
        size = rng.choice(((short, short), (short * 5 // 4, short), (short, short * 5 // 4)))
        pictures.append(Picture(name, sample_scene(seed, name, split, concept), size))
    return pictures


def write_table(seed: int, pictures: Sequence[Picture], made: Sequence[Made], path: Path, *, full: bool) -> None:
    """jpg, caption and label. A `full` caption says everything that its picture shows; others are like the web's."""
    captions = [describe(p.scene, random.Random(draw_int(seed, p.name, "caption")), full=full) for p in pictures]
    labels = [picture.scene.main.concept for picture in pictures]
    pl.DataFrame(
        {JPG: [image.body for image in made], schema.CAPTION: captions, schema.LABEL: labels},
        schema={JPG: pl.Binary, schema.CAPTION: pl.String, schema.LABEL: pl.String},
    ).write_parquet(path, compression="uncompressed")


def write_classes(seed: int, path: Path) -> None:
    text = yaml.safe_dump({"classes": class_names(seed), "templates": list(TEMPLATES)}, sort_keys=False)
    path.write_text(text, encoding="utf-8")
