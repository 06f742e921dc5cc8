"""Near-duplicates among 10,000 picture files: ours whole, beside imagededup and beside the floor.

The floor is what decoding, grey and the one Lanczos resize take, on one core: the hash must be that of the stored
image, bit for bit, so there is no way around them. imagededup runs in an interpreter of its own.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL.Image import Resampling

from curate.corpus.hamming import hamming_pairs
from curate.images import open_stored
from curate.signals.phash import phash
from tests.conftest import picture

COUNT, RADIUS, BATCH = 10_000, 10, 64
THEIRS = """
import json, sys, time
from imagededup.methods import PHash
began = time.perf_counter()
hashes = PHash(verbose=False).encode_images(image_dir=sys.argv[1], num_enc_workers=2)
hashed = time.perf_counter()
PHash(verbose=False).find_duplicates(encoding_map=hashes, max_distance_threshold=10)
print(json.dumps([len(hashes), hashed - began, time.perf_counter() - hashed]))
"""


def measure(peer: Path, count: int = COUNT) -> Iterator[tuple[str, float, str, float, str]]:
    if not peer.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i}.jpg" for i in range(count)]
        for i, path in enumerate(paths):
            path.write_bytes(picture(i, (384, 288)))
        done = subprocess.run([peer, "-c", THEIRS, folder], capture_output=True, text=True, check=True)
        found, their_hashing, their_search = json.loads(done.stdout.strip().splitlines()[-1])
        assert found == count
        floor, whole, search = _floor(paths), *_ours(paths)
    what = f"near-duplicates among {count:,} pictures of 384x288"
    yield f"{what}: the search", count / search, "imagededup", count / their_search, "pictures/s"
    yield f"{what}: from files", count / whole, "imagededup", count / (their_hashing + their_search), "pictures/s"
    yield f"{what}: from files", count / whole, "decode, grey, resize", count / floor, "pictures/s"


def _floor(paths: list[Path]) -> float:
    began = time.perf_counter()
    for path in paths:
        image = open_stored(path.read_bytes())
        assert image is not None
        image.convert("L").resize((32, 32), Resampling.LANCZOS)
    return time.perf_counter() - began


def _ours(paths: list[Path]) -> tuple[float, float]:
    """Seconds for all, and of these for the search."""
    began, hashes = time.perf_counter(), []
    for start in range(0, len(paths), BATCH):
        images = [open_stored(path.read_bytes()) for path in paths[start : start + BATCH]]
        hashes.extend(phash([image.convert("L") for image in images if image is not None]))
    hashed = time.perf_counter()
    hamming_pairs(np.array(hashes, np.uint64), RADIUS)
    return time.perf_counter() - began, time.perf_counter() - hashed
