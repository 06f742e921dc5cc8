"""The pool of the noisy CIFAR loop is what it says, whatever the pictures, and its recipes can run."""

import polars as pl
import pytest

from pipelines.check import check
from pipelines.recipe import load
from tests.claims import noisy_cifar as claim
from tests.conftest import picture

CLASSES = ["airplane", "cat", "deer", "dog", "frog"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    rows = [
        {"split": split, "label": name, "jpg": picture(1000 * number + i, (32, 32))}
        for number, name in enumerate(CLASSES)
        for split, count in (("train", 300), ("test", 4))
        for i in range(count)
    ]
    pl.DataFrame(rows).write_parquet(folder / "sample.parquet")
    return folder, claim.write(folder / "sample.parquet", folder / "made", seed=3)


def test_the_tail_is_ten_to_one_and_captions_are_as_bad_as_they_shall_be(made):
    _, pool = made
    counts = sorted(pool["label"].value_counts()["count"].to_list(), reverse=True)
    assert counts[0] / counts[-1] == pytest.approx(claim.TAIL, rel=0.3)
    said = pl.col("caption").is_in(claim.BOILERPLATE)
    named = pl.any_horizontal(
        pl.col("caption").str.contains(rf"\b{name}\b") & (pl.col("label") == name) for name in CLASSES
    )
    shares = pool.select(empty=said.mean(), right=pl.col("right").mean(), told=named.mean()).row(0)
    assert shares == pytest.approx((0.15, 0.25, 0.25), abs=0.04)
    assert pool.filter(pl.col("right") != named).is_empty()
    assert pool["uid"].n_unique() == len(pool)


def test_a_tenth_are_copies_and_no_trusted_picture_is_in_the_pool(made):
    folder, pool = made
    trusted = pl.read_parquet(folder / "made/trusted.parquet")
    assert len(trusted) == claim.TRUSTED and set(trusted["jpg"]).isdisjoint(pool["jpg"])
    originals = set(pl.read_parquet(folder / "sample.parquet")["jpg"])
    assert (~pool["jpg"].is_in(originals)).mean() == pytest.approx(claim.COPIES, abs=0.01)


def test_another_seed_is_another_pool(made, tmp_path):
    folder, pool = made
    again, other = (claim.write(folder / "sample.parquet", tmp_path / str(seed), seed) for seed in (3, 4))
    assert again.equals(pool) and not other["uid"].equals(pool["uid"])


@pytest.mark.parametrize("name", ["full", "clip_score"])
def test_its_recipes_can_run(made, name):
    folder, _ = made
    (folder / "made/patches.safetensors").touch()
    assert check(load(folder / f"made/{name}.yaml"))["warnings"] == []
