"""URL list to shards of 256 px images, beside stock img2dataset: CPU, wall and memory of whole commands.

Both sides ask the same server of 50 or 2,000 host names, alternating, five times; medians. img2dataset's settings are
its best: no EXIF table, and of the thread counts the fastest. Our side ends with the pool, which is what img2dataset
writes; both hash the downloaded bytes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from tests.bench.site import DOMAIN, site
from tests.bench.usage import Cost, measured
from tests.conftest import picture

PHOTOS = Path(__file__).parents[3] / "shared/data/photos"
SIZE, RUNS = 256, 5
OURS = """
import sys
from pipelines.context import session
from pipelines.progress import Quiet
from pipelines.recipe import load
from pipelines.stages import fill_pool, list_rows
with session(load(sys.argv[1]), Quiet()) as context:
    list_rows(context)
    fill_pool(context)
"""
THEIRS = """
import sys
from img2dataset import download
download(url_list=sys.argv[1], input_format="parquet", url_col="url", caption_col="caption", output_folder=sys.argv[2],
         output_format="webdataset", processes_count=2, thread_count=int(sys.argv[3]), image_size=int(sys.argv[4]),
         resize_mode="keep_ratio_largest", resize_only_if_bigger=True, number_sample_per_shard=1000,
         extract_exif=False, timeout=10, retries=0)
"""
RESOLVER = """
import os, socket
real = socket.getaddrinfo
def fake(host, port, *rest, **more):
    if isinstance(host, str) and host.endswith("bench.example"):
        host, port = "127.0.0.1", int(os.environ["DEAD_PORT"]) if ".dead." in host else port
    return real(host, port, *rest, **more)
socket.getaddrinfo = fake
"""


class Sides:
    """The two commands, on one list at one server."""

    def __init__(self, folder: Path, ports: tuple[int, int], urls: list[str]) -> None:
        self.folder, (self.port, self.dead), self.count = folder, ports, len(urls)
        self._run = 0
        table = pa.table({"url": urls, "caption": [f"picture {i}" for i in range(len(urls))]})
        pq.write_table(table, folder / "urls.parquet")
        (folder / "sitecustomize.py").write_text(RESOLVER)

    def ours(self, engine: str) -> Cost:
        self._run += 1
        recipe: dict[str, Any] = {
            "name": "bench",
            "run_dir": f"ours{self._run}",
            "input": {"urls": "urls.parquet"},
            "engine": {"kind": engine},
            "download": {
                "image_size": SIZE,
                "timeout": 10,
                "retries": 0,
                "per_host": 64,
                "allow_private_hosts": ["127.0.0.1"],
                "resolve": {
                    f"*.dead.{DOMAIN}": f"127.0.0.1:{self.dead}",
                    f"*.{DOMAIN}": f"127.0.0.1:{self.port}",
                },
            },
        }
        (self.folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        return measured([sys.executable, "-c", OURS, str(self.folder / "recipe.yaml")], {"PYTHONPATH": "."})

    def theirs(self, threads: int) -> Cost:
        self._run += 1
        command = [sys.executable, "-c", THEIRS, "urls.parquet", f"theirs{self._run}", str(threads), str(SIZE)]
        command[3:5] = [str(self.folder / name) for name in command[3:5]]
        environment = {
            "PYTHONPATH": str(self.folder),
            "DEAD_PORT": str(self.dead),
            "NO_ALBUMENTATIONS_UPDATE": "1",
            "WANDB_MODE": "disabled",
        }
        return measured(command, environment)


def photos(folder: Path) -> Path:
    """The real ones, or where they are not at hand generated ones of their size."""
    if PHOTOS.is_dir():
        return PHOTOS
    for i in range(50):
        (folder / f"{i:02d}.jpg").write_bytes(picture(i, (500, 375), quality=90))
    return folder


FLOOR = """
import socket, sys, time
import cv2, simplejpeg
cv2.setNumThreads(1)
port, count, side = map(int, sys.argv[1:])
began = time.process_time()
with socket.create_connection(("127.0.0.1", port)) as line:
    for i in range(count):
        line.sendall(f"GET /p{i}.jpg HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n".encode())
        head, _, body = line.recv(1 << 16).partition(b"\\r\\n\\r\\n")
        need = int(head.rpartition(b"Content-Length: ")[2].split(b"\\r\\n")[0])
        parts, have = [body], len(body)
        while have < need:
            parts.append(line.recv(1 << 18))
            have += len(parts[-1])
        pixels = simplejpeg.decode_jpeg(b"".join(parts), strict=False)
        scale = side / max(pixels.shape[:2])
        size = [max(1, round(length * scale)) for length in pixels.shape[1::-1]]
        small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        simplejpeg.encode_jpeg(small, 95, "RGB", "420", fastdct=False)
print((time.process_time() - began) / count)
"""


def floor(port: int) -> float:
    """CPU seconds per image of nothing but bytes over the loopback, libjpeg-turbo, area averaging, libjpeg-turbo.

    In as many processes at once as there are cores: a core that shares its units with a busy one is slower.
    """
    command = [sys.executable, "-c", FLOOR, str(port), "500", str(SIZE)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in os.sched_getaffinity(0)]
    return statistics.mean(float(one.communicate()[0]) for one in both)


def median(costs: list[Cost], what: str) -> float:
    return statistics.median(getattr(cost, what) for cost in costs)


Line = tuple[str, float, str, float, str]


def fast(folder: Path, count: int = 3000, runs: int = RUNS) -> Iterator[Line]:
    """(a) A fast server, 50 host names."""
    with site(photos(folder)) as ports:
        urls = [f"http://h{i % 50}.{DOMAIN}:{ports[0]}/p{i}.jpg" for i in range(count)]
        sides = Sides(folder, ports, urls)
        threads = min((32, 64, 128), key=lambda number: sides.theirs(number).cpu)
        costs: dict[str, list[Cost]] = {"serial": [], "ray": [], "theirs": []}
        for _ in range(runs):
            costs["serial"].append(sides.ours("serial"))
            costs["theirs"].append(sides.theirs(threads))
            costs["ray"].append(sides.ours("ray"))
        few = Sides(folder, ports, urls[:50])
        start = {"serial": few.ours("serial").cpu, "ray": few.ours("ray").cpu, "theirs": few.theirs(threads).cpu}
        peer = f"img2dataset 1.47, {threads} threads"
        their_cpu, their_wall = median(costs["theirs"], "cpu"), median(costs["theirs"], "wall")
        each = {side: (median(costs[side], "cpu") - start[side]) / (count - 50) for side in costs}
        for side in ("serial", "ray"):
            cpu, wall = median(costs[side], "cpu"), median(costs[side], "wall")
            yield f"(a) {count:,} photos, {side}: per CPU-second", count / cpu, peer, count / their_cpu, "images/s"
            yield f"(a) {count:,} photos, {side}: wall", count / wall, peer, count / their_wall, "images/s"
            yield (
                f"(a) the same, {side}: per CPU-second after the start",
                1 / each[side],
                peer,
                1 / each["theirs"],
                "images/s",
            )
        lowest = statistics.median(floor(ports[0]) for _ in range(runs))
        yield "(a) serial: per CPU-second after the start", 1 / each["serial"], "the floor", 1 / lowest, "images/s"


def thumbnails(folder: Path) -> Path:
    """The photos at 160 px: with these it is the network that is waited for, and not the processor."""
    small = folder / "small"
    small.mkdir()
    for path in sorted(photos(folder).glob("*.jpg"))[:50]:
        with Image.open(path) as image:
            image.thumbnail((160, 160))
            image.convert("RGB").save(small / path.name, quality=90)
    return small


def slow(folder: Path, count: int = 10_000, runs: int = RUNS, large: bool = False) -> Iterator[Line]:
    """(b) 100 ms latency, 2,000 host names, 20 % dead, 5 % stalling, a deadline of 10 s, as both have it."""
    with site(photos(folder) if large else thumbnails(folder), 0.1) as ports:
        urls = [f"http://{_host(i % 2000)}.{DOMAIN}:{ports[0]}/p{i}.jpg" for i in range(count)]
        sides = Sides(folder, ports, urls)
        sweep = {threads: sides.theirs(threads).wall for threads in (64, 256, 512, 1024)}
        threads = min(sweep, key=lambda number: sweep[number])
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(sides.ours("ray"))
            theirs.append(sides.theirs(threads))
        tried = ", ".join(f"{number}: {wall:.0f} s" for number, wall in sweep.items())
        peer = f"img2dataset 1.47, {threads} threads (of {tried})"
        what = f"(b) {count:,} URLs, 2,000 hosts, 20 % dead, 5 % stalling: wall"
        yield what, count / median(ours, "wall"), peer, count / median(theirs, "wall"), "URLs/s"
        most = max(cost.memory for cost in ours) / 1e6, max(cost.memory for cost in theirs) / 1e6
        yield "(b) the largest process, lower is better", most[0], peer, most[1], "MB"


def _host(number: int) -> str:
    if number % 5 == 0:
        return f"h{number}.dead"
    return f"stall{number}" if number % 20 == 1 else f"h{number}"


def measure() -> Iterator[Line]:
    for part in (fast, slow):
        with tempfile.TemporaryDirectory() as name:
            yield from part(Path(name))
