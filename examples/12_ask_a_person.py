"""The data engine: the pairs that a model is least sure of go to a person, whose verdicts train the next scorer."""

import io
import random
import tempfile
from pathlib import Path

import polars as pl
from PIL import Image

from pipelines.accepted import in_words
from pipelines.data_engine import accept_table, propose_to
from pipelines.propose import Confident
from pipelines.recipe import load
from pipelines.run import Runner

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "white": (240, 240, 240)}

RECIPE = """
name: colours
run_dir: run
input: {table: pool.parquet}
models: {clip: {kind: trained}}
filters:
  - clip_score: {model: clip, top: 0.5}
train: {model: tiny, samples_seen: 320, batch: 32, warmup: 5}
loop: {trusted: trusted.parquet}
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
    for i in range(count):
        colour = draw.choice(list(COLOURS))
        told = draw.choice(list(COLOURS)) if draw.random() < wrong else colour
        rows.append({"jpg": picture(colour, draw), "caption": f"number {i} is {told}", "label": colour})
    return pl.DataFrame(rows)


def person(table: Path, truth: dict[str, str]) -> None:
    """Looks at what nobody has decided: accepts what is right, and writes a better text where it is not."""
    rows = pl.read_parquet(table).to_dicts()
    for row in rows:
        if row["accept"] is None:
            number, colour = row["proposed"].split()[1], truth[row["proposed"].split()[1]]
            row["accept"], right = True, row["proposed"].endswith(colour)
            row["edited"] = "" if right else f"number {number} is {colour}"
    pl.DataFrame(rows).drop("thumbnail").write_csv(table.with_suffix(".csv"))


def main() -> None:
    folder, draw = Path(tempfile.mkdtemp()), random.Random(0)
    pool = pairs(96, 0.5, draw)
    pool.select("jpg", "caption").write_parquet(folder / "pool.parquet")
    pairs(16, 0.0, draw).select("jpg", "caption").write_parquet(folder / "trusted.parquet")
    (folder / "recipe.yaml").write_text(RECIPE)
    recipe = load(folder / "recipe.yaml")
    # As `curate loop recipe.yaml --propose pairs --count 12 --confident 0.9`: the page is for a person's eyes.
    asked = propose_to(recipe, str(folder / "pairs"), 12, Confident(0.9))
    print(f"{asked.pairs} pairs for a person, {asked.confident} accepted beforehand; the page is {asked.page}")
    person(Path(asked.table), {str(i): label for i, label in enumerate(pool["label"])})
    # As `curate loop recipe.yaml --accept pairs/proposals.csv`.
    found = accept_table(recipe, str(Path(asked.table).with_suffix(".csv")))
    print(in_words(found.told))
    print(f"kept with a scorer trained on them too: {Runner(recipe).run().kept} of {len(pool)}")


if __name__ == "__main__":
    main()
