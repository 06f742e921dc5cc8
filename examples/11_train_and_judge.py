"""Train an objective on any WebDataset tars or image tables, and judge the model, without a run.

python examples/11_train_and_judge.py                          # made-up pictures of four colours
python examples/11_train_and_judge.py siglip 'shards/*.tar'    # yours; prints where the weights are
"""

import io
import random
import sys
import tempfile
from pathlib import Path

import polars as pl
from PIL import Image

from curate.files import Folder, file_sha256
from curate.uid import fingerprint
from model_training.data.shards import shard_files
from model_training.evaluation.evaluate import Evaluation, evaluate
from model_training.models.families import load, trained_spec
from model_training.trainers.loop import train
from model_training.trainers.objectives import OBJECTIVES
from model_training.trainers.plan import Job, Plan

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "white": (240, 240, 240)}


def pictures(path: Path, count: int, draw: random.Random) -> str:
    """20 x 20 noisy pixels of one colour, and its name."""
    rows = []
    for _ in range(count):
        colour, sink = draw.choice(list(COLOURS)), io.BytesIO()
        pixels = [min(255, max(0, value + draw.randint(-25, 25))) for _ in range(400) for value in COLOURS[colour]]
        Image.frombytes("RGB", (20, 20), bytes(pixels)).save(sink, "PNG")
        rows.append({"jpg": sink.getvalue(), "caption": f"all of it is {colour}", "label": colour})
    pl.DataFrame(rows).write_parquet(path)
    return str(path)


folder, draw = Path(tempfile.mkdtemp()), random.Random(0)
objective = sys.argv[1] if len(sys.argv) > 1 else "siglip"
shards = shard_files(sys.argv[2:] or [pictures(folder / "train.parquet", 200, draw)])

known = OBJECTIVES[objective]
plan = Plan(known.sizes["tiny"], samples_seen=1_600, batch=32, lr=1e-3, warmup=5, objective=objective)
content = fingerprint([file_sha256(place) for place in shards])
trained = train(Job(objective, plan, tuple(shards), content, seed=0, folder=Folder(str(folder)), under="train/0"))
assert trained is not None
weights = folder / "train/0" / trained.file
print(f"{objective}: {trained.samples:,} samples in {trained.seconds:.0f} s, loss {trained.loss:.3f}: {weights}")

if len(sys.argv) < 3 and "texts" in known.does:
    (folder / "classes.yaml").write_text(f"classes: {list(COLOURS)}\ntemplates: ['all of it is {{}}']\n")
    test = pictures(folder / "test.parquet", 80, draw)
    model = load(trained_spec(known.family, plan.arch, objective, str(weights), trained.sha256, batch=64))
    for metric in evaluate(model, Evaluation("colours", "zero_shot", (test,), str(folder / "classes.yaml"))):
        print(f"{metric.name}: {metric.value:.3f} of {metric.n}")
