"""A recipe trains any objective, judges it by what it can do, and the checkpoint by its path measures another pool."""

import json

import polars as pl
import pytest
import safetensors.torch
import yaml
from PIL import Image

from curate.errors import RecipeError
from model_training.libraries import torch
from model_training.models.families import load, trained_spec
from model_training.models.weights import Weights
from model_training.trainers import objectives
from model_training.trainers.objectives import OBJECTIVES
from model_training.trainers.plan import Plan
from pipelines.recipe import build
from pipelines.recipe_source import Source
from pipelines.train import plan
from tests.model_training.trainers.small_blip import BLIP
from tests.model_training.trainers.small_blip import OPTIONS as BLIP_OPTIONS
from tests.model_training.trainers.small_vit import OPTIONS as VIT_OPTIONS
from tests.model_training.trainers.small_vit import VIT
from tests.model_training.trainers.test_coca import ARCH as COCA
from tests.pipelines.cli.test_commands import fails, ok
from tests.pipelines.coloured import world

ARCHS = {"blip": BLIP, "coca": COCA, "dino": VIT}
VIT_SAID = {name: list(value) if isinstance(value, tuple) else value for name, value in VIT_OPTIONS.items()}
TRAIN = {
    "blip": {"options": BLIP_OPTIONS["blip"], "weight_decay": 0.05},
    "coca": {},
    "dino": {"options": VIT_SAID, "lr": 5e-4},
}
KNN = {"name": "neighbours", "kind": "knn", "data": "pairs.parquet", "train": "objects.parquet", "k": [3]}
ASKED = {
    "blip": [
        {"name": "pairs", "kind": "retrieval", "data": "pairs.parquet"},
        {"name": "captions", "kind": "captioning", "data": "pairs.parquet"},
    ],
    "coca": [{"name": "captions", "kind": "captioning", "data": "pairs.parquet"}],
    "dino": [KNN],
}
SERVED = {  # the models of another recipe, and the columns that it measures
    "blip": {"match": "blip_matcher", "caption": "blip_captioner", "clip_score": "blip"},
    "coca": {"caption": "coca_captioner"},
    "dino": {"embedding": "timm"},
}


def trained(folder, objective):
    """A run whose model is trained and judged."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "arch.json").write_text(json.dumps(ARCHS[objective]))
    section = {"objective": objective, "model": "arch.json", "samples_seen": 64, "batch": 16, "warmup": 1}
    given = {"models": {}, "filters": [], "loop": None, "eval": ASKED[objective]}
    path = world(folder, train={**section, **TRAIN[objective]}, **given)
    if objective == "dino":
        table = pl.read_parquet(folder / "pairs.parquet")
        names = table["caption"].str.extract("(red|green|blue|white)").alias("label")
        table.with_columns(names).write_parquet(folder / "pairs.parquet")
    ok("run", path, cwd=folder)
    ok("train", "run", cwd=folder)
    return json.loads(ok("eval", "run", "--json", cwd=folder))


@pytest.mark.parametrize("objective", list(ARCHS))
def test_it_is_trained_and_judged_and_its_checkpoint_measures_a_pool(tmp_path, objective):
    rows = trained(tmp_path, objective)
    assert {row["eval"] for row in rows} == {entry["name"] for entry in ASKED[objective]}
    assert all(row["mean"] >= 0 for row in rows)
    kinds = SERVED[objective]
    models = {
        f"own{number}": {"kind": kind, "arch": "arch.json", "weights": "run/train/0/checkpoint.safetensors"}
        for number, kind in enumerate(kinds.values())
    }
    columns = {f"{column}_own{number}" for number, column in enumerate(kinds)}
    recipe = yaml.safe_load((tmp_path / "recipe.yaml").read_text())
    said = " and ".join(f"{column} is not null" for column in sorted(columns))
    if objective == "dino":
        filters = [{"semdedup": {"model": "own0", "clusters": 2, "epsilon": 0.01}}]
    else:
        filters = [{"where": {"sql": said}}]
    again = {**recipe, "name": "again", "run_dir": "again", "models": models, "filters": filters, "train": None}
    (tmp_path / "again.yaml").write_text(yaml.safe_dump({**again, "eval": []}))
    assert "again" in ok("run", tmp_path / "again.yaml", cwd=tmp_path)
    for column in columns:
        table = pl.concat([pl.read_parquet(p) for p in sorted((tmp_path / "again/signals" / column).glob("*.parquet"))])
        # What has no letter is no caption, and a model after four steps may write such a thing.
        assert len(table) == 96 and table[table.columns[0]].null_count() <= (5 if "caption" in column else 0), column
    if objective == "blip":
        scores = pl.read_parquet(tmp_path / "again/signals/match_own0/*.parquet")["match_own0"]
        assert scores.is_between(0, 1).all()


def problem(folder, **changes):
    path = world(folder, **changes)
    with pytest.raises(RecipeError) as error:
        build(Source.parse(path.read_bytes(), "recipe.yaml", folder))
    return str(error.value)


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ({"objective": "siglipp"}, "did you mean 'siglip'"),
        ({"objective": "align", "options": {"smoothing": 0.1}}, "align has no option 'smoothing'; it has label_smoo"),
        ({"objective": "align", "options": {"label_smoothing": "much"}}, "label_smoothing: Input should be"),
        ({"objective": "clip", "options": {"gamma": 1}}, "clip has no option 'gamma'; it has none"),
        ({"objective": "lit"}, "lit starts from trained weights"),
        ({"batch": 12, "workers": 2, "accumulate": 4}, "6 rows of a worker cannot be cut into 4 parts"),
        ({"captions": {"draw": "origin"}}, "captions are drawn by origin with `shares`"),
        ({"objective": "dino"}, "dino trains none that give texts"),
        ({"ema": 1.0}, "train.ema"),
        ({"objective": "dino", "ema": 0.9}, "which is an average already"),
        (
            {"objective": "dino", "options": {"prototypes": -3}},
            "prototypes: Input should be greater",
        ),
        ({"objective": "dino", "options": {"epochs": 0}}, "epochs: Input should be greater than 0"),
        ({"objective": "filip", "options": {"kept_share": 2}}, "kept_share: Input should be less"),
        ({"objective": "ibot", "options": {"mask_ratios": [0.9, 0.1]}}, "mask_ratios"),
        ({"objective": "dino", "options": {"student_temperature": float("nan")}}, "student_temperature"),
        ({"betas": [2, 3]}, "train.betas.0"),
        ({"lr": float("inf")}, "train.lr"),
    ],
)
def test_a_section_that_cannot_be_is_refused_at_the_door(tmp_path, train, said):
    message = problem(tmp_path, train={"model": "tiny", "samples_seen": 64, **train}, loop=None, models={}, filters=[])
    assert said in message and message.startswith("recipe.yaml:"), message


def test_options_are_numbers_however_yaml_spells_them(tmp_path):
    """YAML 1.1 takes 1e-6 for a text; and 1 and 1.0 are one setting."""
    given = {"model": "tiny", "samples_seen": 64, "objective": "dino"}
    knn = {"loop": None, "models": {}, "filters": [], "eval": [KNN]}
    made = []
    for number, text in enumerate(("1e-6", 0.000001)):
        options = {"lr_end": text, "epochs": [20, 20.0][number], "global_scale": [0.5, 1]}
        path = world(tmp_path / str(number), train={**given, "options": options}, **knn)
        recipe = build(Source.parse(path.read_bytes(), "recipe.yaml", path.parent))
        made.append(plan(recipe.train))
        assert yaml.safe_load(recipe.resolved())["train"]["options"]["lr_end"] == 1e-6
    assert made[0].options == made[1].options == (("epochs", 20.0), ("global_scale", (0.5, 1.0)), ("lr_end", 1e-6))


def test_a_scorer_of_another_objective_has_options_of_its_own(tmp_path):
    train = {"model": "tiny", "samples_seen": 64, "objective": "dino", "options": {"prototypes": 8}}
    given = {"filters": [{"clip_score": {"model": "clip", "top": 0.5, "of": "survivors"}}], "eval": [KNN]}
    for scorer in ({"objective": "clip"}, {"objective": "align", "options": {"label_smoothing": 0.2}}):
        loop = {"rounds": 1, "trusted": "trusted.parquet", "scorer": {"samples_seen": 64, **scorer}}
        path = world(tmp_path / scorer["objective"], train=train, loop=loop, **given)
        found = build(Source.parse(path.read_bytes(), "recipe.yaml", path.parent)).loop.scorer
        assert found.objective == scorer["objective"] and found.options == scorer.get("options", {})
    assert "a scorer compares images with texts: dino trains none" in problem(tmp_path / "none", train=train, **given)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objectives_first_weights_are_what_its_family_loads(tmp_path, objective):
    known = OBJECTIVES[objective]
    start = tmp_path / "start.safetensors"
    if known.needs_init:
        first = objectives.build(Plan(known.sizes["tiny"], 8, 8), 1, torch.device("cpu"))
        safetensors.torch.save_file(first.weights(), str(start))
    init = Weights("init", known.sizes["tiny"], str(start)) if known.needs_init else None
    given = Plan(known.sizes["tiny"], 8, 8, objective=objective, init=init, ema=None)
    made = objectives.build(given, 0, torch.device("cpu"))
    at = tmp_path / "made.safetensors"
    safetensors.torch.save_file({k: v.detach().clone().contiguous() for k, v in made.weights().items()}, str(at))
    model = load(trained_spec(known.family, given.arch, objective, str(at), None, 4))
    able = {"images": "encode_images", "texts": "encode_texts", "captions": "caption", "matches": "match"}
    assert all(callable(getattr(model, able[what])) for what in known.does)
    if "images" in known.does:
        assert model.encode_images([Image.new("RGB", (40, 30), "red")]).shape == (1, model.width)


def test_other_data_is_asked_only_what_the_models_can(tmp_path):
    trained(tmp_path, "dino")
    said = fails(4, "eval", "run", "--data", "pairs.parquet", "--kind", "captioning", cwd=tmp_path)
    assert "captioning cannot judge a model without caption" in said
    assert "knn needs `train`" in fails(4, "eval", "run", "--data", "pairs.parquet", "--kind", "knn", cwd=tmp_path)
    told = ok("eval", "run", "--data", "pairs.parquet", "--train", "objects.parquet", cwd=tmp_path)
    assert "knn" in told
