"""Downloading from a loopback server to shards of 256 px images, beside img2dataset in its own process."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.conftest import picture
from tests.pipelines.web import Site

COUNT = 2_000
OURS = (
    "import sys; from pipelines.recipe import load; from pipelines.run import Runner; Runner(load(sys.argv[1])).run()"
)
THEIRS = """
import sys
from img2dataset import download
download(url_list=sys.argv[1], input_format="tsv", url_col="url", caption_col="caption", output_folder=sys.argv[2],
         output_format="webdataset", processes_count=2, thread_count=32, image_size=256,
         resize_mode="keep_ratio_largest", number_sample_per_shard=1000)
"""


def measure() -> Iterator[tuple[str, float, str, float, str]]:
    pages = {f"/{i}.jpg": picture(i % 50, (640, 480), quality=90) + bytes(str(i), "ascii") for i in range(COUNT)}
    with Site(pages) as site, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = "".join(f"http://{site.address}{path}\tpicture {path}\n" for path in pages)
        (folder / "urls.tsv").write_text("url\tcaption\n" + rows)
        recipe = {
            "name": "bench",
            "run_dir": "run",
            "input": {"urls": "urls.tsv"},
            "statistics": [],
            "download": {"image_size": 256, "allow_private_hosts": [site.address], "per_host": 64},
        }
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        ours = _seconds([OURS, str(folder / "recipe.yaml")])
        theirs = _seconds([THEIRS, str(folder / "urls.tsv"), str(folder / "theirs")])
    yield "URLs to shards, process start included", COUNT / ours, "img2dataset 1.47", COUNT / theirs, "images/s"


def _seconds(arguments: list[str]) -> float:
    environment = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", *arguments], env=environment, check=True, capture_output=True)
    return time.perf_counter() - began
