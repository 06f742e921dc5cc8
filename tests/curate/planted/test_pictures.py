"""Pictures: pure functions of their name, far apart by perceptual hash, and changed as their kind says."""

import io
import random
from pathlib import Path

import imagehash
import numpy as np
import polars as pl
import pytest
from PIL import Image

from curate.errors import CurateError
from curate.planted import PlantedWeb, separate
from curate.planted.composition import Duplicate
from curate.planted.layout import places
from curate.planted.pictures import Picture, encode, make, stored_hash
from curate.planted.render import render
from curate.planted.scenes import SHAPES, Scene, Split, Thing, sample_scene
from curate.planted.separate import MARGIN, Crowd, make_all

COPIES = tuple(kind for kind in Duplicate if kind is not Duplicate.NONE)


def served(folder: Path, pages: pl.DataFrame) -> dict[str, bytes]:
    data = (folder / "pages" / "bodies.bin").read_bytes()
    return {url: data[at : at + size] for url, at, size in pages.select("url", "offset", "size").iter_rows()}


def downloads(web: PlantedWeb, truth: pl.DataFrame, pages: pl.DataFrame) -> list[tuple[str, int, bytes]]:
    """(which different picture it is, pHash, bytes) of every image that anybody gets to see."""
    bodies = served(web.folder, pages)
    result = []
    rows = truth.filter((pl.col("answer") == "ok") & ~pl.col("behaviour").str.starts_with("redirect"))
    for row in rows.iter_rows(named=True):
        name = row["url"] if row["group"] is None else f"group {row['group']}"
        name = f"object {row['leak_of']}" if row["leaked"] else name
        result.append((name, bodies[row["url"]]))
    for table, path in (("object", web.objects), ("pair", web.pairs), ("trusted", web.trusted)):
        result += [(f"{table} {i}", jpg) for i, jpg in enumerate(pl.read_parquet(path)["jpg"])]
    return [(name, stored_hash(Image.open(io.BytesIO(body))), body) for name, body in result]


def test_different_pictures_have_different_hashes(web: PlantedWeb, truth: pl.DataFrame, pages: pl.DataFrame) -> None:
    files = downloads(web, truth, pages)
    names = np.array([name for name, _, _ in files])
    hashes = np.array([value for _, value, _ in files], np.uint64)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    assert distance[names[:, None] != names[None, :]].min() > MARGIN
    assert np.bitwise_count(hashes).min() > 1
    assert np.bitwise_count(hashes).max() < 63


def test_served_sizes_and_distances_are_the_truth(web: PlantedWeb, truth: pl.DataFrame, pages: pl.DataFrame) -> None:
    bodies = served(web.folder, pages)
    redirected = pl.col("behaviour").str.starts_with("redirect")
    for row in truth.filter((pl.col("answer") == "ok") & ~redirected).iter_rows(named=True):
        image = Image.open(io.BytesIO(bodies[row["url"]]))
        assert image.size == (row["width"], row["height"])
        if row["duplicate"] == "exact":
            assert bodies[row["url"]] == bodies[row["copy_of"]]
        if row["copy_of"] is not None:
            original = Image.open(io.BytesIO(bodies[row["copy_of"]]))
            assert (stored_hash(image) ^ stored_hash(original)).bit_count() == row["distance"]


def test_the_hash_is_imagehashs_own() -> None:
    image = render(1, "a", sample_scene(1, "a", Split.POOL), (300, 240))
    assert f"{stored_hash(image):016x}" == str(imagehash.phash(image))


def test_a_picture_is_a_function_of_seed_name_and_attempt() -> None:
    picture = Picture("p", sample_scene(1, "p", Split.POOL), (220, 260), copies=COPIES)
    first = make(1, picture, 0)
    assert first == make(1, picture, 0)
    assert first[0] != make(1, picture, 1)[0]
    assert first[0] != make(2, picture, 0)[0]
    assert first[1] == first[0]
    assert len({made.body for made in first}) == len(COPIES)


def test_copies_are_what_they_are_called() -> None:
    picture = Picture("p", sample_scene(1, "p", Split.POOL), (500, 420), copies=COPIES)
    original, *copies = make(3, picture, 0)
    made = dict(zip(COPIES, copies, strict=True))
    resized, cropped = made[Duplicate.RESIZED], made[Duplicate.CROPPED]
    assert 250 <= resized.width <= 450
    assert abs(resized.width / resized.height - 500 / 420) < 0.02
    assert (cropped.width, cropped.height) == pytest.approx((475, 399), abs=1)
    light = np.asarray(Image.open(io.BytesIO(made[Duplicate.BRIGHTENED].body)).convert("L")).mean()
    assert light > np.asarray(Image.open(io.BytesIO(original.body)).convert("L")).mean()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_main_thing_covers_a_good_part_in_its_colour(shape: str) -> None:
    scene = Scene(Thing("red", shape, "solid"), 1, "plain", "white")
    pixels = np.asarray(render(1, shape, scene, (256, 256)).resize((64, 64))).astype(int)
    red = (pixels[..., 0] > 90) & (pixels[..., 1] < 100) & (pixels[..., 2] < 100)
    assert 0.12 < red.mean() < 0.85


def test_a_crowd_admits_what_is_far_from_all_in_it() -> None:
    first, near, every = 0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0FF0, 2**64 - 1
    crowd = Crowd(4)
    assert crowd.admit([first, first])  # copies may agree
    assert not crowd.admit([near])  # 8 bits from the first
    assert not crowd.admit([~first & every, near])  # its copy is
    assert crowd.admit([near ^ (1 << 63)])  # 9 bits
    assert not crowd.admit([near])  # what was refused is not in it, what was admitted is
    assert crowd.admit([~first & every])


@pytest.mark.parametrize(("bits", "admitted"), [(0, False), (1, False), (2, True), (62, True), (63, False)])
def test_a_crowd_refuses_flat_pictures(bits: int, admitted: bool) -> None:
    assert Crowd(1).admit([2**bits - 1]) is admitted


def test_a_picture_that_looks_like_another_is_drawn_anew() -> None:
    picture = Picture("twin", sample_scene(1, "twin", Split.POOL), (210, 210))
    first, second = make_all(1, [picture, picture], workers=1)
    assert first == make(1, picture, 0)
    assert second != first
    assert (first[0].phash ^ second[0].phash).bit_count() > MARGIN


def test_even_alike_scenes_settle_and_the_processes_do_not_matter() -> None:
    scene = Scene(Thing("red", "triangle", "solid"), 1, "plain", "white")
    pictures = [Picture(f"alike/{number}", scene, (64, 64)) for number in range(60)]
    files = make_all(1, pictures, workers=1)
    hashes = np.array([made.phash for (made,) in files], np.uint64)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None, :])
    assert distance[~np.eye(60, dtype=bool)].min() > MARGIN
    assert make_all(1, pictures, workers=2) == files


def test_what_cannot_settle_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separate, "MOST_ATTEMPTS", 1)
    scene = Scene(Thing("red", "circle", "solid"), 1, "plain", "white")
    with pytest.raises(CurateError, match="look like others") as caught:
        make_all(1, [Picture(str(number), scene, (64, 64)) for number in range(60)], workers=1)
    assert "fewer pairs" in caught.value.hint


def test_looseness_is_a_smaller_thing_nearer_to_an_edge() -> None:
    scene = Scene(Thing("red", "circle", "solid"), 1, "plain", "white")

    def spread(looseness: float) -> tuple[float, float]:
        drawn = [places(scene, (100, 100), random.Random(i), looseness)[0][0] for i in range(400)]
        return min(p.side for p in drawn) / 96, min(p.x - p.side / 2 for p in drawn)

    (side, edge), (loose_side, loose_edge) = spread(0.0), spread(1.0)
    assert (side, loose_side) == pytest.approx((0.76, 0.50), abs=0.01)
    assert loose_edge == pytest.approx(2, abs=0.1)  # px: the rim of the canvas
    assert edge > 2.15  # and a fifth of what the largest thing leaves


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "gif"])
def test_formats(format: str) -> None:
    image = render(1, "a", sample_scene(1, "a", Split.POOL), (90, 70))
    opened = Image.open(io.BytesIO(encode(image, format, 90)))
    assert opened.format == {"jpg": "JPEG"}.get(format, format.upper())
