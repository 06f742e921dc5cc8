"""Perceptual hashes of decoded images, beside imagehash's own loop."""

from collections.abc import Iterator

import imagehash

from curate.images import open_stored
from curate.signals import Batch
from curate.signals.phash import PHash
from tests.bench.clock import rate
from tests.conftest import picture


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    for size in ((96, 96), (384, 288)):
        images = [open_stored(picture(i, size)) for i in range(400)]
        names = [""] * len(images)
        ours = rate(len(images), lambda images=images, names=names: PHash().measure(Batch(names, names, images)))
        theirs = rate(len(images), lambda images=images: [imagehash.phash(image) for image in images])
        yield f"pHash, {size[0]}x{size[1]}", ours, "imagehash 4.3", theirs, "images/s"
