"""Batches from shards, nothing trained: `Batches` beside open_clip_train's webdataset pipeline, on the same tars.

The same augmentation, a random resized crop of 0.9 to 1 of the area, no flip; batches of 64. A pass is timed from the
first question to the last batch. open_clip's DataLoader workers are processes, ours are threads.
"""

import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from tests.bench.cpu import seconds
from tests.bench.photos import tars

COUNT, BATCH, ROUNDS = 2_048, 64, 3
SIDES = (224, 32)  # px
RATES = ("first pass: wall", "first pass: per CPU-second", "second pass, decoded images kept: wall", "per CPU-second")


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    with tempfile.TemporaryDirectory() as folder:
        data = [str(path) for path in tars(Path(folder), COUNT, COUNT // 8)]
        for side in SIDES:
            for workers in (0, 2):
                best = {"ours": [0.0] * 4, "theirs": [0.0] * 4}
                for _ in range(ROUNDS):  # in turns, and the best: the machine has other work
                    for who, rates in best.items():
                        best[who] = [max(pair) for pair in zip(rates, passes(who, side, workers, data), strict=True)]
                for i, which in enumerate(RATES):
                    what = f"loading {COUNT:,} photos, side {side}, workers {workers}, {which}"
                    yield what, best["ours"][i], "open_clip_train", best["theirs"][i], "images/s"


def passes(who: str, side: int, workers: int, data: list[str]) -> list[float]:
    """Images per second and per CPU-second, of the first pass and of the second, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.loading", who, str(side), str(workers), *data]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()[-4:]]


def ours(side: int, workers: int, data: list[str]) -> Iterator[None]:
    """Yields after every pass."""
    from model_training import libraries
    from model_training.data.batches import Batches
    from model_training.data.order import Order, Position
    from model_training.data.pixels import Pixels
    from model_training.data.views.random_resized_crop import RandomResizedCrop

    import open_clip  # isort: skip
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    pixels, tokenize = Pixels(RandomResizedCrop(side)), open_clip.get_tokenizer("ViT-B-32")
    batches = Batches(Order(data, 0), pixels, tokenize, BATCH, threads=max(1, workers))(Position())
    mean, std = (libraries.torch.tensor(each).view(3, 1, 1) for each in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
    while True:
        for _ in range(COUNT // BATCH):  # as the trainers do, which is part of open_clip's transform
            seen = libraries.torch.from_numpy(next(batches).views[0]).permute(0, 3, 1, 2).float().div_(255)
            assert seen.sub_(mean).div_(std).shape == (BATCH, 3, side, side)
        yield


def theirs(side: int, workers: int, data: list[str]) -> Iterator[None]:
    from model_training import libraries  # noqa: F401

    import open_clip  # isort: skip
    from open_clip_train.data import get_wds_dataset

    args = Namespace(
        train_data=data,
        train_data_upsampling_factors=None,
        dataset_resampled=False,
        train_num_samples=COUNT,
        batch_size=BATCH,
        workers=workers,
        world_size=1,
        seed=0,
    )
    transform = open_clip.image_transform(side, is_train=True)
    info = get_wds_dataset(args, transform, is_train=True, tokenizer=open_clip.get_tokenizer("ViT-B-32"))
    epoch = 0
    while True:
        info.set_epoch(epoch)
        assert sum(images.shape == (BATCH, 3, side, side) for images, _ in info.dataloader) == COUNT // BATCH
        epoch += 1
        yield


def _main(who: str, side: str, workers: str, *data: str) -> None:
    from model_training import libraries

    libraries.torch.set_num_threads(1)
    told = (ours if who == "ours" else theirs)(int(side), int(workers), list(data))
    rates = []
    for _ in range(2):
        began, cpu = time.perf_counter(), seconds()
        next(told)
        rates += [COUNT / (time.perf_counter() - began), COUNT / (seconds() - cpu)]
    print(*rates, flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
