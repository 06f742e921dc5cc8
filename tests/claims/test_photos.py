"""250 real photos, each with five near-duplicates, 300 dead links, real alt-texts: from URL list to dataset.

Run with `-s` to see the figures; `CURATE_KILLS=10` kills the driver ten times instead of three.
"""

import io
import os
import random
import signal
import subprocess
import sys
import time

import polars as pl
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from curate.planted.truth import pair_scores
from curate.uid import content_uid
from tests.pipelines.web import DEAD, SITE, Site, contents, recipe_for, stamps

pytestmark = pytest.mark.slow
CURATE = [sys.executable, "-c", "import sys; from pipelines.cli import main; main(sys.argv[1:])"]


def jpeg(image: Image.Image, quality: int = 85) -> bytes:
    sink = io.BytesIO()
    image.save(sink, "JPEG", quality=quality)
    return sink.getvalue()


def variants(data: bytes) -> dict[str, bytes]:
    image = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = image.size
    marked = image.copy()
    ImageDraw.Draw(marked).text((width - 70, height - 15), "(c) photo", fill="white")
    return {
        "original": data,
        "reencoded": jpeg(image, 60),
        "resized": jpeg(image.resize((width * 7 // 10, height * 7 // 10))),
        "brightened": jpeg(ImageEnhance.Brightness(image).enhance(1.12)),
        "cropped": jpeg(image.crop((width // 40, height // 40, width - width // 40, height - height // 40))),
        "watermarked": jpeg(marked),
    }


@pytest.fixture(scope="module")
def planted(shared):
    """A site of 1,500 pictures, and 1,800 pairs of url and caption."""
    pages = {}
    for number, path in enumerate(sorted((shared / "photos").glob("*.jpg"))):
        for kind, data in variants(path.read_bytes()).items():
            pages[f"/{number}-{kind}.jpg"] = data
    captions = pq.read_table(shared / "web_captions_10k.parquet").column("caption").to_pylist()[:1800]
    urls = [f"http://{SITE}{path}" for path in pages]
    urls += [f"http://{SITE}/gone/{i}.jpg" for i in range(150)] + [f"http://{DEAD}/{i}.jpg" for i in range(150)]
    random.Random(0).shuffle(urls)
    with Site(pages) as site:
        yield site, list(zip(urls, captions, strict=True))


@pytest.fixture(scope="module")
def run(planted, tmp_path_factory):
    site, pairs = planted
    path = recipe(tmp_path_factory.mktemp("photos"), site, pairs)
    began = time.monotonic()
    subprocess.run([*CURATE, "run", str(path)], check=True)
    print(f"\n{time.monotonic() - began:.1f} s")
    return path


def recipe(folder, site, pairs):
    filters = [{"align_image": {"min_short_side": 100}}, {"align_text": {}}, {"phash_dedup": {"max_distance": 4}}]
    return recipe_for(folder, site, pairs, filters=filters, samples_per_shard=300, engine={"kind": "ray"})


def test_the_funnel_adds_up_and_near_duplicates_are_found(planted, run):
    _, pairs = planted
    done = subprocess.run([*CURATE, "verify", str(run.parent / "run")], capture_output=True, text=True, check=True)
    print(done.stdout)
    funnel = pl.read_json(run.parent / "run/funnel.json")
    assert funnel["in"][0] == 1800 == funnel["dropped"].sum() + funnel["kept"][-1]
    groups = {content_uid(url, text): url.split("/")[-1].split("-")[0] for url, text in pairs if "-" in url}
    hashes = pl.concat(
        [
            pl.read_parquet(run.parent / "run/pool/*.parquet").select("uid"),
            pl.read_parquet(run.parent / "run/signals/phash/*.parquet"),
        ],
        how="horizontal",
    ).drop_nulls()
    near = pl.read_parquet(run.parent / "run/corpus/hash_pairs/pairs.parquet")
    for distance in (4, 8, 10):
        close = near.filter(pl.col("distance") <= distance).select("a", "b")
        equal = hashes.select(pl.col("phash").alias("a"), pl.col("phash").alias("b")).unique()
        joined = pl.concat([close, equal]).join(hashes, left_on="a", right_on="phash").join(
            hashes, left_on="b", right_on="phash", suffix="_b"
        )  # fmt: skip
        precision, recall = pair_scores(groups, zip(joined["uid"], joined["uid_b"], strict=True))
        print(f"near-duplicates within {distance} bits: precision {precision:.4f}, recall {recall:.4f}")
        if distance == 4:
            assert precision > 0.99 and recall > 0.5


def test_the_same_command_again_computes_nothing(run):
    before = stamps(run.parent / "run")
    subprocess.run([*CURATE, "run", str(run)], check=True, capture_output=True)
    assert stamps(run.parent / "run") == before


def files_of(run):
    """What stages write, by its name in the run."""
    found = {str(file.relative_to(run)): file for file in run.rglob("*") if file.is_file()}
    return {name: file for name, file in found.items() if name.startswith(("pool/", "signals/", "corpus/", "dataset/"))}


def test_killed_at_random_instants_it_ends_in_the_same_bytes(planted, run, tmp_path):
    path, finished = recipe(tmp_path, *planted), run.parent / "run"
    kills = int(os.environ.get("CURATE_KILLS", "2"))
    births = {name: file.stat().st_mtime_ns for name, file in files_of(finished).items()}
    for name in sorted(random.Random(11).sample(sorted(births), kills), key=births.__getitem__):
        process = subprocess.Popen([*CURATE, "run", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (tmp_path / "run" / name).exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*CURATE, "run", str(path)], check=True, capture_output=True)
    assert contents(tmp_path / "run/dataset") == contents(run.parent / "run/dataset")
    print(f"\nkilled {kills} times: the dataset is the same, byte for byte")
