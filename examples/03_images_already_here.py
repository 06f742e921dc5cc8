"""A run from Python: an image table with lists of captions becomes a dataset with several texts per image."""

import io
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from pipelines.recipe import load
from pipelines.run import Runner

RECIPE = """
name: example
run_dir: run
input: {table: images.parquet}
filters:
  - align_image: {min_short_side: 32}
  - phash_dedup: {max_distance: 2}
engine: {kind: serial}
"""


def picture(angle: int) -> bytes:
    sink = io.BytesIO()
    Image.radial_gradient("L").rotate(angle).crop((0, 40, 200, 256)).convert("RGB").save(sink, "JPEG")
    return sink.getvalue()


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    captions = [["a grey gradient", "a soft light"], ["another gradient"], ["a third gradient"]]
    table = pa.table({"jpg": [picture(angle) for angle in (0, 90, 180)], "caption": captions})
    pq.write_table(table, folder / "images.parquet")
    (folder / "recipe.yaml").write_text(RECIPE)
    summary = Runner(load(folder / "recipe.yaml")).run()
    print(f"kept {summary.kept} of {summary.asked} pairs, {summary.images} images")
    print(sorted(path.name for path in (folder / "run" / "dataset").iterdir()))
