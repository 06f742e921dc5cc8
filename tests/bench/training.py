"""Training a CLIP on two cores, beside open_clip's own trainer: the same model, batch, tars and float32.

Images per second between the first step and the last, in the first pass over the tars and in the second. Each side is
the best of several numbers of loaders and threads.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.photos import tars

COUNT, BATCH, ROUNDS = 2_048, 128, 2
WAYS = ((1, 1), (1, 2), (2, 1), (2, 2))  # DataLoader workers or our loaders, threads of torch
LIKE_B32 = {
    "embed_dim": 128,
    "vision_cfg": {"image_size": 224, "layers": 4, "width": 128, "head_width": 32, "patch_size": 32},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 2},
}


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    from model_training.models.sizes import architecture_of

    with tempfile.TemporaryDirectory() as folder:
        data = [str(path) for path in tars(Path(folder), COUNT, COUNT // 8)]
        small = Path(folder, "like_b32.json")
        small.write_text(json.dumps(LIKE_B32))
        for name, arch in (("tiny", architecture_of("open_clip", "tiny")), ("a small ViT-B-32", str(small))):
            found = {(who, way): [0.0, 0.0] for way in WAYS for who in ("ours", "theirs")}
            for _ in range(ROUNDS):  # in turns, and the best: the machine has other work
                for (who, way), known in found.items():
                    new = rates(who, arch, *way, data)
                    found[who, way] = [max(pair) for pair in zip(known, new, strict=True)]
            print(f"{name}, by (loaders, threads): {found}", file=sys.stderr)
            for i, which in enumerate(("first pass", "second pass")):
                what = f"training {name}, batch {BATCH}, {which}"
                ours, theirs = (max(found[who, way][i] for way in WAYS) for who in ("ours", "theirs"))
                yield what, ours, "open_clip_train", theirs, "images/s"


def rates(who: str, arch: str, workers: int, threads: int, data: list[str]) -> list[float]:
    """Images per second of the first and the second pass, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.training", who, arch, str(workers), str(threads), *data]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()[-2:]]


def our_rates(arch: str, workers: int, threads: int, data: list[str]) -> list[float]:
    from curate.files import Folder
    from model_training.trainers.loop import train
    from model_training.trainers.plan import Job, Plan, Progress

    plan = Plan(arch, 2 * COUNT, BATCH, threads=threads, loaders=workers, crop_area=0.9, flip=False)
    ends: list[tuple[int, float]] = []

    def report(progress: Progress) -> None:
        ends.append((progress.step, time.perf_counter()))

    with tempfile.TemporaryDirectory() as folder:
        train(Job("bench", plan, tuple(data), "bench", 0, Folder(folder), "train"), report=report)
    turn = min(range(len(ends)), key=lambda i: abs(ends[i][0] - plan.steps // 2))
    return [
        (ends[b][0] - ends[a][0]) * BATCH / (ends[b][1] - ends[a][1]) for a, b in ((0, turn), (turn, len(ends) - 1))
    ]


def their_rates(arch: str, workers: int, threads: int, data: list[str]) -> list[float]:
    from model_training.libraries import torch
    from model_training.models.open_clip import register

    import open_clip  # isort: skip
    from open_clip_train.main import main

    torch.set_num_threads(threads)
    model = register(open_clip, arch)
    first, last = Path(data[0]), Path(data[-1])
    braces = f"{first.parent}/{{{first.stem}..{last.stem}}}.tar"
    with tempfile.TemporaryDirectory() as folder:
        given = {
            "train-data": braces,
            "train-num-samples": COUNT,
            "dataset-type": "webdataset",
            "batch-size": BATCH,
            "workers": workers,
            "model": model,
            "epochs": 2,
            "warmup": 40,
            "lr": 0.003,
            "wd": 1.0,
            "grad-clip-norm": 1.0,
            "precision": "fp32",
            "log-every-n-steps": 1,
            "logs": folder,
            "name": "bench",
            "save-frequency": 0,
            "zeroshot-frequency": 0,
            "device": "cpu",
            "seed": 0,
        }
        main([word for name, value in given.items() for word in (f"--{name}", str(value))])
        log = Path(folder, "bench", "out.log").read_text()
    seconds: dict[str, list[float]] = {"0": [], "1": []}
    for epoch, batch in re.findall(r"Train Epoch: (\d+) .*?Batch \(t\): ([\d.]+)", log):
        seconds[epoch].append(float(batch))
    return [BATCH * (len(each) - 1) / sum(each[1:]) for each in seconds.values()]


if __name__ == "__main__":
    _who, _arch, _workers, _threads, *_data = sys.argv[1:]
    print(*(our_rates if _who == "ours" else their_rates)(_arch, int(_workers), int(_threads), _data), flush=True)
