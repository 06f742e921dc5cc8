"""Every kind of model measures a pool; images from outside it are measured as it is; a network for filtering data."""

import json
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import safetensors.numpy
import safetensors.torch
import yaml

from curate.corpus import CorpusPass, Outside
from curate.errors import InputError, RecipeError
from curate.files import Folder
from curate.signals import Batch
from model_training.libraries import torch
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.models.timm import TimmEncoder, TimmSpec
from pipelines import outside
from pipelines.models import Encoders, declared
from pipelines.recipe import load
from pipelines.run import Runner
from pipelines.status import status
from pipelines.workspace import Workspace
from tests.conftest import picture
from tests.model_training.models.test_open_clip import TINY
from tests.pipelines.coloured import world

CATEGORIES = {"photo": ["a photo"], "drawing": ["a drawing", "a sketch"], "sign": ["a sign"]}
MODELS = {
    "clip": {"kind": "open_clip", "arch": "tiny.json", "weights": "tiny.safetensors", "batch": 4},
    "vit": {"kind": "timm", "arch": "test_vit", "weights": "vit.safetensors", "batch": 4},
    "aesthetic": {"kind": "linear_head", "of": "vit", "weights": "head.safetensors"},
    "look": {"kind": "zero_shot", "of": "clip", "categories": CATEGORIES},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of every kind, and a table of nine images of which one is damaged."""
    import open_clip
    import timm

    at = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    (at / "tiny.json").write_text(json.dumps(TINY))
    clip = open_clip.CLIP(TINY["embed_dim"], vision_cfg=TINY["vision_cfg"], text_cfg=TINY["text_cfg"])
    safetensors.torch.save_file(clip.state_dict(), at / "tiny.safetensors")
    vit = timm.create_model("test_vit", pretrained=False)
    safetensors.torch.save_file(vit.state_dict(), at / "vit.safetensors")
    rng = np.random.default_rng(0)
    head = {"weight": rng.normal(size=(1, vit.num_features)).astype(np.float32), "bias": np.ones(1, np.float32)}
    safetensors.numpy.save_file(head, at / "head.safetensors")
    images = [*(picture(i) for i in range(8)), b"no image"]
    captions = [f"a picture of thing {i}" for i in range(9)]
    pl.DataFrame({"jpg": images, "caption": captions}).write_parquet(at / "table.parquet")
    return at


def recipe(folder, filters, models=MODELS, **changes):
    data = {
        "name": "m",
        "run_dir": "run",
        "input": {"table": "table.parquet"},
        "models": models,
        "samples_per_shard": 4,
        "filters": filters,
        "engine": {"kind": "serial"},
        **changes,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(data))
    return load(folder / "recipe.yaml")


READS = "aesthetic is not null and look_first <> 'nothing' and clip_score_clip > -1"


def test_every_kind_measures_and_the_values_are_the_models_own(folder):
    at = recipe(folder, [{"where": {"sql": READS}}])
    assert Runner(at).run().kept == 8
    columns = {}
    for family in ("aesthetic", "look", "clip_score_clip"):
        shards = sorted((folder / "run/signals" / family).glob("*.parquet"))
        columns[family] = pl.concat([pl.read_parquet(shard) for shard in shards])
    found = pl.concat(list(columns.values()), how="horizontal")
    assert len(found) == 9 and found[8].null_count().sum_horizontal()[0] == found.width

    images = pool_images(folder)
    vit = TimmEncoder(TimmSpec("vit", "test_vit", str(folder / "vit.safetensors"), batch=4))
    head = safetensors.numpy.load_file(folder / "head.safetensors")
    expected = vit.encode_images(images) @ head["weight"][0] + head["bias"]
    np.testing.assert_allclose(found["aesthetic"][:8], expected, atol=1e-4)

    clip = OpenClipEncoder(OpenClipSpec("c", str(folder / "tiny.json"), str(folder / "tiny.safetensors"), batch=4))
    means = np.stack([clip.encode_texts(prompts).mean(0) for prompts in CATEGORIES.values()])
    cosines = clip.encode_images(images) @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    names = np.array(list(CATEGORIES))
    assert found["look_first"][:8].to_list() == names[cosines.argmax(1)].tolist()
    assert found["look_second"][:8].to_list() == names[np.argsort(-cosines)[:, 1]].tolist()


def test_two_models_of_one_file_are_each_loaded_with_their_own_batch(folder):
    models = {**MODELS, "again": {**MODELS["vit"], "batch": 3}, "same": MODELS["vit"]}
    encoders, known = Encoders(), declared(recipe(folder, [], models))
    loaded = {name: encoders.get(known[f"embedding_{name}"].spec) for name in ("vit", "again", "same")}
    assert loaded["vit"] is loaded["same"] and [known[f"embedding_{name}"].batch for name in loaded] == [4, 3, 4]
    assert {name: encoder.spec.batch for name, encoder in loaded.items()} == {"vit": 4, "again": 3, "same": 4}
    batch = Batch([*"abc"], [None] * 3, pool_images_of(3))
    found = [batch.vectors(encoder) for encoder in loaded.values()]
    assert found[0] is found[2] and found[0] is not found[1]


def pool_images_of(count):
    from curate.images import open_stored

    return [open_stored(picture(i)) for i in range(count)]


def test_the_transform_that_a_recipe_says_is_the_models(folder):
    said = {"mean": [0, 0, 0], "resize_mode": "squash"}
    clip = {**MODELS["clip"], "preprocess": said, "tokenizer": "words"}
    spec = declared(recipe(folder, [], {"clip": clip}))["embedding_clip"].spec
    assert dict(spec.wanted[0]) == {"mean": (0.0, 0.0, 0.0), "resize_mode": "squash"}
    assert spec.tokenizer == str(folder / "words")
    with pytest.raises(RecipeError, match="resize_mode"):
        recipe(folder, [], {"clip": {**clip, "preprocess": {"resize_mode": "stretch"}}})


def pool_images(folder):
    from curate.images import open_stored
    from curate.pool import Pool

    pool, found = Pool(Folder(str(folder / "run"))), []
    for shard in pool.shards():
        table = pool.table(shard, ["tar", "offset", "size"])
        found += [open_stored(d) for d in pool.images(*(c.to_pylist() for c in table.columns)) if d is not None]
    return found


def test_a_second_run_measures_nothing_and_another_head_only_itself(folder):
    at = recipe(folder, [{"where": {"sql": READS}}])
    Runner(at).run()
    assert Runner(at).run().made == 0
    again = {**MODELS, "aesthetic": {**MODELS["aesthetic"], "activation": "sigmoid"}}
    changed = recipe(folder, [{"where": {"sql": READS}}], again)
    before = {p: p.read_bytes() for p in (folder / "run/signals").rglob("manifest.json")}
    Runner(changed).run()
    after = {p.parent.name for p, data in before.items() if p.read_bytes() != data}
    assert after == {"aesthetic"}


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"h": {"kind": "linear_head", "of": "clap", "weights": "h.safetensors"}}, "no model 'clap' of a kind"),
        ({**MODELS, "look": {**MODELS["look"], "of": "vit"}}, "no model 'vit' of a kind that this can be built on"),
        ({**MODELS, "words": {**MODELS["aesthetic"]}}, "there is a column 'words' already"),
        ({**MODELS, "look": {**MODELS["look"], "categories": {"one": ["a"]}}}, "at least 2 items"),
    ],
)
def test_a_model_that_cannot_be_is_refused_at_the_door(folder, models, message):
    with pytest.raises(RecipeError, match=message):
        recipe(folder, [], models)


@dataclass
class Nearest(CorpusPass):
    """The best cosine of each outside image with any image of the pool."""

    places: tuple[str, ...]
    column = "embedding_vit"
    name, version = "nearest_test", 1
    reads = {"signals/embedding_vit": ["embedding_vit"]}  # noqa: RUF012
    gathers = True

    def outside(self):
        return [Outside("queries", self.places, self.column)]

    def merge(self, partials, outside=None):
        rows = pl.concat([p["rows"] for p in partials])[self.column].drop_nulls()
        pool = np.stack(rows.to_numpy()).astype(np.float32)
        asked = outside["queries"]
        best = (np.stack(asked[self.column].to_numpy()).astype(np.float32) @ pool.T).max(1)
        return {"best": pl.DataFrame({"item": asked["item"], "cosine": best})}


def test_images_from_outside_are_measured_as_the_pool_is(folder, tmp_path, monkeypatch):
    from pipelines import stages

    (tmp_path / "b").mkdir()
    (tmp_path / "a.jpg").write_bytes(picture(3))
    (tmp_path / "b/c.jpg").write_bytes(picture(5))
    pl.DataFrame({"jpg": [picture(1), picture(40)]}).write_parquet(tmp_path / "t.parquet")
    places = tuple(str(tmp_path / place) for place in ("*.jpg", "b/*.jpg", "t.parquet"))
    work = Nearest(places)
    at = recipe(folder, [], run_dir="other", statistics=["phash"])
    monkeypatch.setattr(stages, "passes", lambda _: [work])
    monkeypatch.setattr("pipelines.run.families", lambda _: ["embedding_vit"])
    Runner(at).run(report=False)
    found = pl.read_parquet(folder / "other/corpus/nearest_test/best.parquet")
    assert found["item"].to_list() == ["t.parquet: row 0", "t.parquet: row 1", "a.jpg", "b/c.jpg"]
    assert (found["cosine"] > 0.999).to_list() == [True, False, True, True]
    assert Runner(at).run(report=False).made == 0
    (tmp_path / "a.jpg").write_bytes(picture(50))
    Runner(at).run(report=False)
    again = pl.read_parquet(folder / "other/corpus/nearest_test/best.parquet")
    assert (again["cosine"] > 0.999).to_list() == [True, False, False, True]


@pytest.mark.parametrize(
    ("place", "message"),
    [("gone/*.jpg", "there is no such file"), ("x.txt", "neither an image"), ("bad.jpg", "no image|cannot|not")],
)
def test_an_outside_set_that_is_not_whole_is_an_error(folder, tmp_path, place, message):
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    one = Outside("evil", (str(tmp_path / place),), "phash")
    with pytest.raises(InputError, match=message):
        for unit in outside.units("outside/x", one, {}):
            outside.OutsideTask({}).run(unit, range(unit.rows))


def test_what_is_measured_of_an_outside_set_is_in_its_fingerprint(folder):
    one = Outside("eval", (str(folder / "table8.parquet"),), "embedding_vit")
    pl.read_parquet(folder / "table.parquet").head(8).write_parquet(folder / "table8.parquet")
    models = declared(recipe(folder, []))
    (unit,) = outside.units("u", one, models)
    (other,) = outside.units("u", Outside("eval", one.places, "embedding_clip"), models)
    assert unit.fingerprints != other.fingerprints and unit.rows == 1
    (part,) = outside.OutsideTask(models).run(unit, range(1))
    assert part.rows == 8 and pa.types.is_fixed_size_list(part_table(part).schema.field("embedding_vit").type)


def part_table(part):
    from curate.files import parse_table

    return parse_table(next(iter(part.files.values())))


def test_a_data_filtering_network_is_trained_on_the_trusted_pairs_alone(tmp_path):
    path = world(tmp_path)
    data = yaml.safe_load(path.read_text())
    data["models"]["dfn"] = {"kind": "trained", "trained_on": "trusted"}
    data["filters"] = [{"clip_score": {"model": "dfn", "top": 0.5}}]
    data["loop"]["rounds"] = 1
    path.write_text(yaml.safe_dump(data))
    at = load(path)
    summary = Runner(at).run(report=False)
    assert summary.kept == 48
    assert [p.name for p in (tmp_path / "run/models/dfn/train").iterdir() if p.is_dir()] == ["0"]
    assert not (tmp_path / "run/models/dfn/dataset").exists()
    stages = {stage["stage"]: stage["state"] for stage in status(at, Workspace.at(at.run_dir))["stages"]}
    assert stages["models/dfn"] == "done"
    truth = pl.read_parquet(tmp_path / "truth.parquet")["right"]
    kept = pl.read_parquet(tmp_path / "run/subset.parquet")["keep"]
    assert truth.filter(kept).mean() > truth.mean()
    data["loop"].pop("trusted")
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(RecipeError, match="there are no trusted pairs"):
        load(path)
