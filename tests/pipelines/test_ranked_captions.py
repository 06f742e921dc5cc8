"""A trained scorer with a list of texts captions as well: CapFilt without a captioner that writes."""

import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from curate.errors import RecipeError
from curate.uid import fold_of
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from pipelines.check import check
from pipelines.loop import Loop
from pipelines.recipe import load
from pipelines.replay import replay
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.pipelines.coloured import COLOURS, world

TEXTS = [f"a {colour} picture" for colour in COLOURS]
CLIP = {"clip": {"kind": "trained", "texts": TEXTS}}
FILTERS = [{"capfilt": {"captioner": "clip"}}, {"clip_score": {"model": "clip", "top": 0.5, "of": "survivors"}}]
SCORER = {"folds": 2, "members": 2, "samples_seen": 64}
CHANGES = {
    "models": CLIP,
    "filters": FILTERS,
    "train": {"model": "small.json", "samples_seen": 64, "batch": 16, "warmup": 2, "seeds": [0]},
    "loop": {"rounds": 1, "trusted": "trusted.parquet", "arms": ["raw"], "scorer": SCORER},
}


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranked")
    Loop(load(world(folder, 40, **CHANGES))).run()
    return folder


def joined(folder, names):
    return pl.concat([pl.read_parquet(path) for path in sorted((folder / "run").glob(names))])


def test_a_caption_is_the_one_that_the_models_without_the_image_rank_first(looped):
    pool, texts = joined(looped, "pool/*.parquet"), joined(looped, "synthetic/*.parquet")
    assert len(texts) == pool["image_uid"].n_unique() == 40
    assert set(texts["origin"]) == {"synthetic"} and set(texts["captioner"]) == {"clip"}
    pixels = [Image.open(io.BytesIO(data)) for data in pl.read_parquet(looped / "pool.parquet")["jpg"]]
    images = dict(zip(pool["image_uid"], pixels, strict=True))
    folds = {uid: fold_of(3, digest, 2) for uid, digest in pool.select("image_uid", "sha256").iter_rows()}
    means = {uid: np.zeros(len(TEXTS)) for uid in images}
    for number in range(4):
        weights = looped / f"run/models/clip/train/{number}/checkpoint.safetensors"
        encoder = OpenClipEncoder(OpenClipSpec("m", str(looped / "small.json"), str(weights)))
        vectors = encoder.encode_texts(TEXTS)
        mine = [uid for uid in images if folds[uid] == number % 2]
        for uid, image in zip(mine, encoder.encode_images([images[uid] for uid in mine]), strict=True):
            means[uid] += vectors @ image / 2
    said = dict(texts.select("image_uid", "caption").iter_rows())
    for uid, cosines in means.items():
        assert cosines[TEXTS.index(said[uid])] == pytest.approx(cosines.max(), abs=1e-5)


def test_both_kinds_of_text_are_scored_and_kept_alike(looped):
    scores = pl.concat([joined(looped, f"{at}signals/clip_score_clip/*.parquet") for at in ("", "synthetic/")])
    subset = pl.read_parquet(looped / "run/subset.parquet")
    assert len(scores) == len(subset) == 80 and scores["clip_score_clip"].null_count() == 0
    assert subset["keep"].sum() == 40 and subset.filter("keep")["origin"].n_unique() == 2
    assert verify(Workspace.at(str(looped / "run"))).problems == []


def test_it_is_replayed_to_the_same_bytes(looped, tmp_path):
    found = replay(str(looped / "run/record.json"), str(tmp_path / "again"), ["engine.kind=serial"])
    assert found.differences == [] and found.kept == 40
    tars = sorted((looped / "run/dataset").glob("*.tar"))
    assert tars and all((tmp_path / "again/dataset" / tar.name).read_bytes() == tar.read_bytes() for tar in tars)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"models": {"clip": {"kind": "trained"}}}, "'clip' is no captioner"),
        ({"filters": [{"capfilt": {"captioner": "clip", "top_p": 0.9}}]}, "'clip' ranks the texts of a list"),
        ({"models": {"clip": {"kind": "trained", "as": "captioner", "texts": TEXTS}}}, "`texts` is of a scorer"),
    ],
)
def test_what_cannot_caption_is_refused_at_the_door(tmp_path, changes, says):
    with pytest.raises(RecipeError, match=says):
        check(load(world(tmp_path, 4, **{**CHANGES, **changes})))
