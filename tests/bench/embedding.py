"""Embedding a pool on both engines, with two cores: beside what the forward pass allows, and beside plain open_clip.

The bar is 1 / (f + d / 2): f is the bare forward's time per image on the machine (the best of two threads and of two
processes of one thread, over batch sizes), d what it takes one core to decode and preprocess an image. Ours is the
real driver with a warm crew; how long the crew took to start is printed. The peer is a loop of open_clip's over the
same tars, with and without DataLoader workers: the best one.
"""

import io
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from curate.files import Folder
from pipelines.context import session
from pipelines.engine.drive import Driver
from pipelines.engine.ray import RayEngine
from pipelines.engine.serial import SerialEngine
from pipelines.engine.stop import Stop
from pipelines.engine.unit import Job, Unit
from pipelines.measure import MeasureTask
from pipelines.models import declared
from pipelines.progress import Quiet
from pipelines.recipe import Recipe, load
from pipelines.stages import fill_pool, list_rows
from pipelines.workspace import POOL, Workspace
from tests.bench.cpu import seconds
from tests.bench.photos import tars

CORES, SHARDS = 2, 8
MODELS = {"ViT-B-32": 256, "tiny": 2_048}  # images of the pool


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    for arch, count in MODELS.items():
        with tempfile.TemporaryDirectory() as folder:
            yield from of_model(Path(folder), arch, count)


def of_model(folder: Path, arch: str, count: int) -> Iterator[tuple[str, float, str, float, str]]:
    data = tars(folder, count, count // SHARDS)
    library = registered(arch)
    random_weights(library, folder / "w.safetensors")
    forward, work = bare_forward(library)
    decoding, effort = preprocessing(library, data)
    bar, least = 1 / (forward + decoding / CORES), 1 / (work + effort)
    print(f"{arch}: forward {forward * 1e3:.2f} ms, decode and preprocess {decoding * 1e3:.2f} ms", file=sys.stderr)
    peers = {how: plain_loop(library, folder / "w.safetensors", data, *how) for how in ((0, 2), (2, 2), (2, 1))}
    print(f"{arch}: plain loops (workers, threads): {peers}", file=sys.stderr)
    recipe = made_pool(folder, arch, count)
    for engine in (SerialEngine(), RayEngine(workers=CORES)):
        kind = type(engine).__name__
        for family in ("embedding_m", "clip_score_m"):
            start, ours, cpu = embedded(recipe, engine, family)
            what = f"{family.removesuffix('_m')} of {count} photos, {arch}, {kind}"
            print(f"{what}: started in {start:.1f} s", file=sys.stderr)
            if family == "embedding_m":
                yield what, ours, "1 / (f + d / 2)", bar, "images/s"
            yield what, ours, "the best open_clip loop, images only", max(peers.values()), "images/s"
            if kind == "SerialEngine" and family == "embedding_m":
                yield f"{what}: per CPU-second", cpu, "the forward and the preprocessing alone", least, "images/s"
        engine.close()


# -- ours ---------------------------------------------------------------------------------------------
def made_pool(folder: Path, arch: str, count: int) -> Recipe:
    recipe = {
        "name": "bench",
        "run_dir": "run",
        "input": {"webdataset": "*.tar"},
        "samples_per_shard": count // SHARDS,
        "models": {"m": {"kind": "open_clip", "arch": arch, "weights": "w.safetensors"}},
        "filters": [{"clip_score": {"model": "m", "min": 0}}],
        "engine": {"kind": "serial"},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    loaded = load(folder / "recipe.yaml")
    with session(loaded, Quiet()) as context:
        list_rows(context)
        fill_pool(context)
    return loaded


def embedded(recipe: Recipe, engine: Any, family: str) -> tuple[float, float, float]:
    """Seconds until every worker has measured two rows; from then on images per second and per CPU-second here."""
    folder = Folder(recipe.run_dir)
    pool = Workspace(folder).manifest(POOL)
    units = [
        Unit("measure", shard, entry.rows, {f"signals/{family}": type(engine).__name__}, [family])
        for shard, entry in sorted(pool.entries.items())
    ]
    began = time.perf_counter()
    crew = engine.crew(MeasureTask(folder, declared(recipe)), folder, gpus=False)
    waiting = crew.idle()
    for i in range(waiting):
        crew.send(Job(units[i], range(2), f"warm-{i}"))
    while waiting:
        waiting -= len(crew.receive(60))
    start = time.perf_counter() - began
    driver, began, cpu = Driver(folder, crew, Stop(), 600), time.perf_counter(), seconds()
    assert driver.run(units).done == len(units)
    rows = sum(unit.rows for unit in units)
    return start, rows / (time.perf_counter() - began), rows / (seconds() - cpu)


# -- the parts, and the peer --------------------------------------------------------------------------
def registered(arch: str) -> str:
    from model_training import libraries  # noqa: F401
    from model_training.models.open_clip import register
    from model_training.models.sizes import architecture_of

    import open_clip  # isort: skip

    return register(open_clip, architecture_of("open_clip", arch))


def random_weights(library: str, path: Path) -> None:
    from model_training.libraries import torch

    import open_clip  # isort: skip
    import safetensors.torch

    torch.manual_seed(0)
    model = open_clip.create_model(library, load_weights=False)
    safetensors.torch.save_file(model.state_dict(), str(path))


def bare_forward(library: str) -> tuple[float, float]:
    """Seconds per image by the best way to keep two cores at it, and the fewest CPU-seconds per image."""
    times, work = [], []
    for batch in (16, 64):
        with multiprocessing.get_context("spawn").Pool(CORES) as processes:
            ways = [(library, batch, 1)] * CORES
            spans = processes.starmap(_forwards, ways, chunksize=1)
        images = sum(count for _, _, count, _ in spans)
        times.append((max(end for _, end, _, _ in spans) - min(began for began, _, _, _ in spans)) / images)
        work.append(sum(cpu for _, _, _, cpu in spans) / images)
        with multiprocessing.get_context("spawn").Pool(1) as processes:
            ((began, end, count, _),) = processes.starmap(_forwards, [(library, batch, CORES)])
        times.append((end - began) / count)
    print(f"bare forward, s per image: {times}, CPU: {work}", file=sys.stderr)
    return min(times), min(work)


def _forwards(library: str, batch: int, threads: int) -> tuple[float, float, int, float]:
    """When it began and ended, how many images it saw and its CPU time. Processes wait for each other by the clock."""
    from model_training.libraries import torch

    import open_clip  # isort: skip

    registered("tiny")
    torch.set_num_threads(threads)
    model = open_clip.create_model(library, load_weights=False).eval()
    side = open_clip.get_model_preprocess_cfg(model)["size"]
    pixels = torch.randn(batch, 3, *(side if isinstance(side, tuple | list) else (side, side)))
    with torch.inference_mode():
        model.encode_image(pixels, normalize=True)
        time.sleep(12 - time.time() % 12)  # all of them are loaded at the next multiple of 12 s
        began, cpu, count = time.monotonic(), time.process_time(), 0
        while time.monotonic() - began < 6:
            model.encode_image(pixels, normalize=True)
            count += batch
        return began, time.monotonic(), count, time.process_time() - cpu


def preprocessing(library: str, data: list[Path]) -> tuple[float, float]:
    """Seconds and CPU-seconds per image on one core, by Pillow and the model's own transform."""
    import tarfile

    from model_training.libraries import torch

    import open_clip  # isort: skip

    torch.set_num_threads(1)
    transform = open_clip.create_model_and_transforms(library, load_weights=False)[2]
    with tarfile.open(data[0]) as tar:
        photos = [tar.extractfile(m).read() for m in tar if m.name.endswith(".jpg")]  # type: ignore[union-attr]
    times = []
    for _ in range(3):
        began, cpu = time.perf_counter(), time.thread_time()
        for photo in photos:
            transform(Image.open(io.BytesIO(photo)).convert("RGB"))
        times.append((time.perf_counter() - began, time.thread_time() - cpu))
    wall, effort = (min(each) / len(photos) for each in zip(*times, strict=True))
    return wall, effort


def plain_loop(library: str, weights: Path, data: list[Path], workers: int, threads: int) -> float:
    """Images per second of what one would write with open_clip, webdataset and torch, without the start."""
    command = [sys.executable, "-m", "tests.bench.embedding", library, str(weights), str(workers), str(threads)]
    done = subprocess.run([*command, *map(str, data)], capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def _plain_loop(library: str, weights: str, data: list[str], workers: int, threads: int) -> float:
    from model_training.libraries import torch

    import open_clip  # isort: skip
    import webdataset

    registered("tiny")
    torch.set_num_threads(threads)
    model, _, transform = open_clip.create_model_and_transforms(library, load_weights=False)
    open_clip.load_checkpoint(model, weights, strict=True)
    model.eval()
    read = webdataset.WebDataset(data, shardshuffle=False).decode("pil")
    read = read.to_tuple("jpg", "__key__").map_tuple(transform, _same)
    batches = torch.utils.data.DataLoader(read, batch_size=64, num_workers=workers)
    found, began, first = [], 0.0, 0
    with torch.inference_mode():
        model.encode_image(transform(Image.new("RGB", (384, 288)))[None].repeat(64, 1, 1, 1))
        for images, _ in batches:
            found.append(model.encode_image(images, normalize=True).numpy())
            if not began:  # DataLoader's workers have started, and the first batch is not counted
                began, first = time.perf_counter(), len(images)
    return (sum(map(len, found)) - first) / (time.perf_counter() - began)


def _same(key: str) -> str:
    return key


if __name__ == "__main__":
    _arch, _weights, _workers, _threads, *_data = sys.argv[1:]
    print(_plain_loop(_arch, _weights, _data, int(_workers), int(_threads)))
