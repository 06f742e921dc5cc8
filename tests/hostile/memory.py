"""How much memory one image takes, at the largest size that is let in: `python -m tests.hostile.memory`.

Each file goes to a decoding process of its own, whose peak is read from the kernel (VmHWM, set back before).
"""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from PIL import Image

from curate.image_store import StorePolicy
from curate.images import Failed
from pipelines.download.decoders import Decoders
from tests.hostile.profiles import P3, profile
from tests.hostile.raw_images import bmp_rle8, encoded, png

SIDE = 7_000  # 49 megapixels, just under the limit of 50
LIMIT = 500  # megabytes above idle


class Peak(NamedTuple):
    megabytes: int
    seconds: float  # of CPU
    outcome: str


def flat(mode: str, colour: int | tuple[int, ...]) -> Image.Image:
    return Image.new(mode, (SIDE, SIDE), colour)


RGB = (180, 40, 90)


def _animation(image_format: str, **options: object) -> bytes:
    frames = [flat("RGB", (200, 10 * n, 0)) for n in range(2)]
    return encoded(frames[0], image_format, save_all=True, append_images=frames[1:], **options)


LARGE: dict[str, Callable[[], bytes]] = {
    "jpeg 4:2:0": lambda: encoded(flat("RGB", RGB), "JPEG"),
    "jpeg 4:4:4": lambda: encoded(flat("RGB", RGB), "JPEG", subsampling=0),
    "jpeg grey": lambda: encoded(flat("L", 90), "JPEG"),
    "jpeg progressive 4:2:0": lambda: encoded(flat("RGB", RGB), "JPEG", progressive=True),
    "jpeg progressive 4:4:4": lambda: encoded(flat("RGB", RGB), "JPEG", progressive=True, subsampling=0),
    "jpeg cmyk": lambda: encoded(flat("CMYK", (1, 2, 3, 4)), "JPEG"),
    "jpeg cmyk progressive": lambda: encoded(flat("CMYK", (1, 2, 3, 4)), "JPEG", progressive=True),
    "png rgb": lambda: png(SIDE, SIDE, bytes(RGB)),
    "png rgba": lambda: png(SIDE, SIDE, bytes((*RGB, 90)), colour=6),
    "png rgb interlaced": lambda: png(SIDE, SIDE, bytes(RGB), interlaced=True),
    "png rgba interlaced": lambda: png(SIDE, SIDE, bytes((*RGB, 90)), colour=6, interlaced=True),
    "png grey": lambda: png(SIDE, SIDE, b"\x55", colour=0),
    "png grey+alpha": lambda: png(SIDE, SIDE, b"\x55\x66", colour=4),
    "png 16-bit grey": lambda: png(SIDE, SIDE, b"\x80\x80", colour=0, depth=16),
    "png 16-bit rgb": lambda: png(SIDE, SIDE, b"\x80\x80" * 3, depth=16),
    "png 16-bit rgba": lambda: png(SIDE, SIDE, b"\x80\x80" * 4, colour=6, depth=16),
    "png palette": lambda: encoded(flat("P", 3), "PNG"),
    "png palette+alpha": lambda: encoded(flat("P", 3), "PNG", transparency=bytes(range(256))),
    "png 1-bit": lambda: png(SIDE, SIDE, b"\xaa", colour=0, depth=1),
    "png icc": lambda: encoded(flat("RGB", RGB), "PNG", icc_profile=profile(P3)),
    "webp lossy": lambda: encoded(flat("RGB", RGB), "WEBP", method=0),
    "webp lossless": lambda: encoded(flat("RGB", RGB), "WEBP", lossless=True, method=0),
    "webp lossless alpha": lambda: encoded(flat("RGBA", (*RGB, 90)), "WEBP", lossless=True, method=0),
    "webp animated": lambda: _animation("WEBP", method=0),
    "gif": lambda: encoded(flat("P", 3), "GIF"),
    "gif animated": lambda: _animation("GIF"),
    "avif": lambda: encoded(flat("RGB", RGB), "AVIF", speed=10, quality=30),
    "avif 4:4:4": lambda: encoded(flat("RGB", RGB), "AVIF", speed=10, quality=30, subsampling="4:4:4"),
    "avif alpha": lambda: encoded(flat("RGBA", (*RGB, 90)), "AVIF", speed=10, quality=30),
    "bmp 1-bit": lambda: encoded(flat("1", 1), "BMP"),
    "bmp rle8": lambda: bmp_rle8(SIDE, SIDE),
}


async def peak(data: bytes, policy: StorePolicy) -> Peak:
    """What one file takes in the process that decodes downloaded ones, started anew for it."""
    decoders = Decoders(policy, 1)
    try:
        before = set(psutil.Process().children())
        await decoders.store(encoded(Image.new("RGB", (64, 64)), "JPEG"))
        (worker,) = set(psutil.Process().children()) - before
        idle, seconds = worker.memory_info().rss, sum(worker.cpu_times()[:2])
        forget_peak(worker.pid)
        opened = await decoders.store(data)
        outcome = opened.found.outcome.value if isinstance(opened.found, Failed) else "ok"
        return Peak((high_water(worker.pid) - idle) // 1_000_000, sum(worker.cpu_times()[:2]) - seconds, outcome)
    finally:
        decoders.close()


def forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def high_water(pid: int) -> int:
    """Bytes of memory that a process had at most since its peak was forgotten."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def made(name: str, folder: Path) -> Path:
    """The file of that name, made in a process of its own: what making it takes is nobody's business."""
    path = folder / name.replace(" ", "_").replace(":", "")
    if not path.exists():
        code = "import sys; from tests.hostile.memory import LARGE; open(sys.argv[2], 'wb').write(LARGE[sys.argv[1]]())"
        subprocess.run([sys.executable, "-c", code, name, str(path)], check=True, timeout=300)
    return path


POLICIES = {"384": StorePolicy(), "no resize": StorePolicy(resize_mode="no")}


def main(folder: Path) -> None:
    head = " | ".join(f"{name:>9}: MB  CPU s" for name in POLICIES)
    print(f"{f'file, {SIDE}x{SIDE}':26} {'bytes':>10} | {head}")
    for name in LARGE:
        data = made(name, folder).read_bytes()
        found = [asyncio.run(peak(data, policy)) for policy in POLICIES.values()]
        line = " | ".join(f"{one.megabytes:13} {one.seconds:6.1f}" for one in found)
        print(f"{name:26} {len(data):10,} | {line} | {' '.join(one.outcome for one in found)}", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else scratch))
