"""BLIP and CoCa measure a pool through a recipe: captions, matching, vectors; what is wrong stops at the door."""

import numpy as np
import polars as pl
import pytest
import safetensors.torch
import yaml

from curate.errors import InputError, RecipeError
from model_training.libraries import torch
from model_training.models.blip import Blip
from model_training.models.blip_inference import BlipInference
from model_training.models.blip_spec import BlipCaptionerSpec, BlipEncoderSpec, BlipMatcherSpec
from model_training.models.coca import initialise
from model_training.models.generation import Generation
from model_training.models.open_clip import register
from model_training.models.sizes import SIZES
from pipelines.check import check
from pipelines.recipe import load
from pipelines.run import Runner
from tests.conftest import picture
from tests.model_training.models import blip_folders
from tests.pipelines.test_models import pool_images

import open_clip  # isort: skip

MODELS = {
    "writer": {"kind": "blip_captioner", "weights": "captioner", "batch": 4},
    "judge": {"kind": "blip_matcher", "weights": "matcher", "batch": 4},
    "towers": {"kind": "blip", "arch": "tiny", "weights": "blip.safetensors", "batch": 4},
    "ours": {"kind": "blip_captioner", "arch": "tiny", "weights": "blip.safetensors", "method": "greedy"},
    "coca": {"kind": "coca_captioner", "arch": "tiny", "weights": "coca.safetensors", "method": "beam", "beams": 2},
    "look": {"kind": "zero_shot", "of": "towers", "categories": {"photo": ["a photo"], "sign": ["a sign"]}},
}
READS = "caption_writer <> '' and caption_ours <> '' and caption_coca <> '' and match_judge >= 0 and "
READS += "clip_score_towers > -1 and look_first <> ''"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of every kind, and a table of nine images of which one is damaged."""
    at = tmp_path_factory.mktemp("blip")
    blip_folders.write(at / "captioner", "BlipForConditionalGeneration")
    blip_folders.write(at / "matcher", "BlipForImageTextRetrieval")
    torch.manual_seed(0)
    safetensors.torch.save_file(Blip.from_config(SIZES["blip"]["tiny"]).state_dict(), str(at / "blip.safetensors"))
    coca = open_clip.create_model(register(open_clip, SIZES["coca"]["tiny"]))
    initialise(coca)
    safetensors.torch.save_file(coca.state_dict(), str(at / "coca.safetensors"))
    images = [*(picture(i) for i in range(8)), b"no image"]
    captions = [f"a picture of thing {i}" for i in range(9)]
    pl.DataFrame({"jpg": images, "caption": captions}).write_parquet(at / "table.parquet")
    return at


def recipe(folder, models=MODELS, filters=({"where": {"sql": READS}},), **changes):
    data = {
        "name": "m",
        "run_dir": "run",
        "seed": 3,
        "input": {"table": "table.parquet"},
        "models": models,
        "samples_per_shard": 4,
        "filters": list(filters),
        "engine": {"kind": "serial"},
        **changes,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(data))
    return load(folder / "recipe.yaml")


def measured(folder, run="run"):
    families = ("caption_writer", "caption_ours", "caption_coca", "match_judge", "clip_score_towers", "look")
    found = []
    for family in families:
        shards = sorted((folder / run / "signals" / family).glob("*.parquet"))
        found.append(pl.concat([pl.read_parquet(shard) for shard in shards]))
    return pl.concat(found, how="horizontal")


def test_every_kind_measures_and_the_values_are_the_models_own(folder):
    assert Runner(recipe(folder)).run().kept == 8
    found = measured(folder)
    assert len(found) == 9 and found[8].null_count().sum_horizontal()[0] == found.width
    pool = pl.concat([pl.read_parquet(shard) for shard in sorted((folder / "run/pool").glob("*.parquet"))])[:8]
    images, uids, texts = pool_images(folder), pool["uid"].to_list(), pool["caption"].to_list()

    def blip(kind, weights, arch="", **how):
        return BlipInference(kind("m", arch, str(folder / weights), **how))

    writer = blip(BlipCaptionerSpec, "captioner", generation=Generation(seed=3))
    assert found["caption_writer"][:8].to_list() == writer.caption(images, uids)
    ours = blip(BlipCaptionerSpec, "blip.safetensors", "tiny", generation=Generation("greedy"))
    assert found["caption_ours"][:8].to_list() == ours.caption(images, uids)
    chances = blip(BlipMatcherSpec, "matcher").match(images, texts)
    np.testing.assert_allclose(found["match_judge"][:8], chances, atol=1e-5)
    towers = blip(BlipEncoderSpec, "blip.safetensors", "tiny")
    cosines = (towers.encode_images(images) * towers.encode_texts(texts)).sum(1)
    np.testing.assert_allclose(found["clip_score_towers"][:8], cosines, atol=1e-5)


def test_a_second_run_measures_nothing_and_another_way_to_write_only_itself(folder):
    Runner(recipe(folder)).run()
    assert Runner(recipe(folder)).run().made == 0
    before = {p: p.read_bytes() for p in (folder / "run/signals").rglob("manifest.json")}
    changed = {**MODELS, "coca": {**MODELS["coca"], "beams": 3}, "ours": {**MODELS["ours"], "top_p": 0.5}}
    Runner(recipe(folder, changed)).run()  # top_p says nothing of a greedy choice
    assert {p.parent.name for p, data in before.items() if p.read_bytes() != data} == {"caption_coca"}


def test_shards_and_batches_of_another_size_change_no_caption(folder):
    Runner(recipe(folder)).run()
    other = {name: {**model, "batch": 3} if "batch" in model else model for name, model in MODELS.items()}
    Runner(recipe(folder, other, run_dir="other", samples_per_shard=5)).run()
    one, two = measured(folder), measured(folder, "other")
    captions = [name for name in one.columns if name.startswith("caption_")]
    assert one.select(captions).equals(two.select(captions))
    np.testing.assert_allclose(one["match_judge"][:8], two["match_judge"][:8], atol=1e-5)


def test_weights_that_are_missing_or_others_stop_the_check(folder):
    with pytest.raises(InputError, match="has sha256"):
        check(recipe(folder, {"w": {**MODELS["writer"], "sha256": "0" * 64}}, ()))
    with pytest.raises(InputError, match=r"there is no file .*gone(.|\n)*allow_download: true"):
        check(recipe(folder, {"w": {**MODELS["writer"], "weights": "gone"}}, ()))


def test_a_name_on_the_hub_stays_a_name_and_a_path_becomes_absolute(folder):
    name = "Salesforce/blip-image-captioning-base"
    at = recipe(folder, {"w": {"kind": "blip_captioner", "weights": name, "allow_download": True}, **MODELS}, ())
    assert at.models["w"].weights == name and at.models["writer"].weights == str(folder / "captioner")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({**MODELS["writer"], "top_p": 0}, "models.w.top_p: Input should be greater than 0"),
        ({**MODELS["writer"], "min_length": 40}, "min_length 40 is more than max_length 30"),
        ({**MODELS["judge"], "first_token": "cls"}, "first_token: Input should be 'encode' or 'start'"),
        ({**MODELS["judge"], "top_p": 0.5}, "unknown key 'top_p'"),
        ({"kind": "coca_captioner", "weights": "w"}, "arch is missing"),
        ({**MODELS["look"], "of": "judge"}, "no model 'judge' of a kind that this can be built on"),
    ],
)
def test_a_model_that_cannot_be_is_refused_at_the_door(folder, model, message):
    with pytest.raises(RecipeError, match=message):
        recipe(folder, {"judge": MODELS["judge"], "w": model}, ())
