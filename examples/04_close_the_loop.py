"""Most captions are wrong, and a few pairs are trusted: train a scorer, filter, train again, compare."""

import io
import random
import tempfile
from pathlib import Path

import polars as pl
from PIL import Image

from curate.report.rounds import words
from pipelines.loop import Loop
from pipelines.recipe import load

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "white": (240, 240, 240)}

RECIPE = """
name: colours
run_dir: run
input: {table: pool.parquet}
models: {clip: {kind: trained}}
filters:
  - clip_score: {model: clip, top: 0.35}
train: {model: tiny, samples_seen: 1600, batch: 32, warmup: 5}
eval:
  - {name: colours, kind: zero_shot, data: test.parquet, classes: classes.yaml}
loop: {trusted: trusted.parquet, arms: [random]}
engine: {kind: serial}
"""


def picture(colour: str, draw: random.Random) -> bytes:
    """20 x 20 noisy pixels of one colour."""
    pixels = [min(255, max(0, value + draw.randint(-25, 25))) for _ in range(400) for value in COLOURS[colour]]
    sink = io.BytesIO()
    Image.frombytes("RGB", (20, 20), bytes(pixels)).save(sink, "PNG")
    return sink.getvalue()


def pairs(count: int, wrong: float, draw: random.Random) -> pl.DataFrame:
    rows = []
    for _ in range(count):
        colour = draw.choice(list(COLOURS))
        told = draw.choice(list(COLOURS)) if draw.random() < wrong else colour
        rows.append({"jpg": picture(colour, draw), "caption": f"all of it is {told}", "label": colour})
    return pl.DataFrame(rows)


def main() -> None:
    folder, draw = Path(tempfile.mkdtemp()), random.Random(0)
    pairs(240, 0.85, draw).select("jpg", "caption").write_parquet(folder / "pool.parquet")
    pairs(24, 0.0, draw).select("jpg", "caption").write_parquet(folder / "trusted.parquet")
    pairs(40, 0.0, draw).select("jpg", "label").write_parquet(folder / "test.parquet")
    (folder / "classes.yaml").write_text(f"classes: {list(COLOURS)}\ntemplates: ['all of it is {{}}']\n")
    (folder / "recipe.yaml").write_text(RECIPE)
    summary, records = Loop(load(folder / "recipe.yaml")).run()
    print(f"{summary.kept} of {summary.asked} pairs are kept; the report is {summary.report}")
    print("\n".join(words(records)))


if __name__ == "__main__":
    main()
