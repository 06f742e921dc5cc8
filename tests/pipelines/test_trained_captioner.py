"""Rounds that train their own captioner and matcher: one pre-training, two copies, CapFilt among the filters."""

import io
import json
import random
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
from PIL import Image

from curate.errors import RecipeError
from curate.uid import fold_of
from model_training.models.blip_inference import BlipInference
from model_training.models.blip_spec import BlipCaptionerSpec, BlipMatcherSpec
from model_training.models.blip_tokens import clean_caption
from model_training.models.generation import Generation
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from pipelines.ledger import read_all
from pipelines.loop import Loop
from pipelines.models import trained
from pipelines.recipe import load
from pipelines.replay import replay
from pipelines.verify import verify
from pipelines.workspace import Workspace
from tests.model_training.trainers.small_blip import BLIP
from tests.pipelines.coloured import world
from tests.pipelines.test_loop import differing
from tests.pipelines.web import contents, stamps

OPTIONS = {"queue": 0, "augment": "none"}
PRETRAIN = {"model": "blip.json", "samples_seen": 96, "batch": 16, "warmup": 1, "options": OPTIONS}
CAPTIONING = {
    "pretrain": PRETRAIN,
    "captioner": {"samples_seen": 32, "options": {"augment": "none"}},
    "matcher": {"samples_seen": 32, "options": OPTIONS},
}
MODELS = {
    "clip": {"kind": "trained"},
    "writer": {"kind": "trained", "as": "captioner", "top_p": 0.8},
    "judge": {"kind": "trained", "as": "matcher"},
}
FILTERS = [
    {"clip_score": {"model": "clip", "top": 0.5, "of": "survivors"}},
    {"capfilt": {"captioner": "writer", "matcher": "judge", "top": 0.6}},
]
TOLD = ("subset", "dataset", "kept", "changes", "health", "guards", "results", "decision", "arms")
SCORER = {"samples_seen": 64, "folds": 2, "members": 2, "rounds": 2}
SECTION = {"rounds": 2, "trusted": "trusted.parquet", "arms": ["raw"], "scorer": SCORER, "captioning": CAPTIONING}


LOOP = "import sys; from pipelines.cli import main; main(['loop', sys.argv[1]])"


def given(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "blip.json").write_text(json.dumps(BLIP))
    train = {"model": "small.json", "samples_seen": 64, "batch": 16, "warmup": 2, "seeds": [0]}
    return world(folder, 48, **{"models": MODELS, "filters": FILTERS, "train": train, "loop": SECTION, **changes})


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    """An unbroken serial loop: its folder and records."""
    folder = tmp_path_factory.mktemp("captioned")
    return folder, Loop(load(given(folder))).run()[1]


def joined(folder, names):
    return pl.concat([pl.read_parquet(path) for path in sorted((folder / "run").glob(names))])


def pictures(folder):
    """The images in the pool's order, in which the table gave them."""
    table = pl.read_parquet(folder / "pool.parquet")
    return [Image.open(io.BytesIO(data)).convert("RGB") for data in table["jpg"]]


def test_the_record_tells_of_one_pretraining_and_two_separate_copies(looped):
    folder, records = looped
    told = records[0]["captioning"]
    assert {name: one.get("as") for name, one in told.items()} == {
        "pretrained": None, "writer": "captioner", "judge": "matcher",
    }  # fmt: skip
    assert (told["pretrained"]["objective"], told["writer"]["objective"], told["judge"]["objective"]) == (
        "blip", "blip_captioner", "blip_matcher",
    )  # fmt: skip
    assert told["pretrained"]["pairs"] == 24  # what the scorer before them kept: half
    assert told["writer"]["trusted"] == told["judge"]["trusted"] == 24
    assert len({one["checkpoint"] for one in told.values()}) == 3
    assert told["writer"]["data"] == told["judge"]["data"] != told["pretrained"]["data"]
    again = records[1]["captioning"]
    assert again["pretrained"]["pairs"] == records[0]["kept"]  # the first round's dataset, synthetic texts and all
    assert again["writer"]["checkpoint"] != told["writer"]["checkpoint"]
    assert verify(Workspace.at(str(folder / "run"))).problems == []


def test_captions_and_matches_are_those_of_the_fine_tuned_weights(looped):
    folder, _ = looped
    pool, texts = joined(folder, "pool/*.parquet"), joined(folder, "synthetic/*.parquet")
    images = dict(zip(pool["image_uid"], pictures(folder), strict=True))
    weights = folder / "run/models"
    places = [str(weights / f"{name}/train/0/checkpoint.safetensors") for name in ("writer", "judge")]
    arch = str(folder / "blip.json")
    generation = Generation(top_p=0.8, seed=3)
    writer = BlipInference(BlipCaptionerSpec("w", arch, places[0], generation=generation))
    judge = BlipInference(BlipMatcherSpec("j", arch, places[1]))
    shown = [images[uid] for uid in texts["image_uid"]]
    written = writer.caption(shown, texts["image_uid"].to_list())
    assert texts["caption"].to_list() == [clean_caption(text) for text in written] and len(texts) > 10
    matched = joined(folder, "synthetic/signals/match_judge/*.parquet")["match_judge"]
    np.testing.assert_allclose(matched, judge.match(shown, texts["caption"].to_list()), atol=1e-5)
    web = joined(folder, "signals/match_judge/*.parquet")["match_judge"]
    np.testing.assert_allclose(web, judge.match(list(images.values()), pool["caption"].to_list()), atol=1e-5)


def test_a_score_is_the_mean_of_the_members_and_of_the_rounds_by_fold(looped):
    folder, _ = looped
    pool = joined(folder, "pool/*.parquet")
    images = pictures(folder)
    rounds = [folder / "run", folder / "run/rounds/1"]
    models = [
        [
            OpenClipEncoder(OpenClipSpec("x", str(folder / "small.json"), str(path)))
            for path in sorted((at / "models/clip/train").glob("*/checkpoint.safetensors"))
        ]
        for at in rounds
    ]
    assert [len(some) for some in models] == [4, 4]
    for number, at in enumerate(rounds):
        found = pl.concat([pl.read_parquet(p) for p in sorted((at / "signals/clip_score_clip").glob("*.parquet"))])
        for row in range(0, 48, 5):
            fold = fold_of(3, pool["sha256"][row], 2)
            mine = [some[fold + 2 * member] for some in models[: number + 1] for member in (0, 1)]
            cosines = [
                float(one.encode_images([images[row]])[0] @ one.encode_texts([pool["caption"][row]])[0]) for one in mine
            ]
            assert len(cosines) == 2 * (number + 1)
            assert found["clip_score_clip"][row] == pytest.approx(np.mean(cosines), abs=1e-5)


def test_a_second_loop_does_nothing(looped):
    folder, records = looped
    before = stamps(folder / "run")
    summary, again = Loop(load(folder / "recipe.yaml")).run()
    assert again == records == read_all(Workspace.at(str(folder / "run")))
    assert stamps(folder / "run") == before and summary.made == 0


@pytest.mark.parametrize("number", [0, 1])
def test_a_round_is_replayed_to_the_same_bytes_with_its_synthetic_texts(looped, tmp_path, number):
    folder, records = looped
    at = folder / "run" / (f"rounds/{number}" if number else "")
    found = replay(str(at / "record.json"), str(tmp_path / "again"), [])
    assert found.differences == [] and found.kept == records[number]["kept"]
    assert records[number]["health"]["synthetic_texts"] > 0
    for part in ("dataset", "synthetic"):
        tables = {name: data for name, data in contents(at / part).items() if name.endswith(("tar", "parquet"))}
        assert tables and all((tmp_path / "again" / part / name).read_bytes() == data for name, data in tables.items())


def test_without_fine_tuning_both_are_the_pretrained_weights_and_no_prompt_was_learned(looped):
    recipe = load(looped[0] / "recipe.yaml", ["loop.captioning.captioner=null", "loop.captioning.matcher=null"])
    found = trained(recipe, Workspace.at(recipe.run_dir), ["writer", "judge"])
    writer, judge = found["caption_writer"].spec, found["match_judge"].spec
    assert writer.weights == judge.weights and writer.weights.endswith(
        "models/pretrained/train/0/checkpoint.safetensors"
    )
    assert writer.generation.prompt == "" and writer.generation.top_p == 0.8
    tuned = trained(load(looped[0] / "recipe.yaml"), Workspace.at(recipe.run_dir), ["writer"])["caption_writer"]
    assert tuned.spec.generation.prompt == "a picture of "


def test_a_resolved_recipe_is_read_as_it_was(looped, tmp_path):
    """`as` among the rest, and what is not said of a captioner is not said of a matcher."""
    (tmp_path / "again.yaml").write_text((looped[0] / "run/recipe.yaml").read_text())
    assert load(tmp_path / "again.yaml") == load(looped[0] / "recipe.yaml")


@pytest.mark.slow
def test_killed_at_the_birth_of_any_file_and_run_again_it_ends_in_the_same_files(looped, tmp_path):
    """SIGKILL a moment after a file came to be, twice, further and further on; the rest is done at last."""
    whole, path, draw = looped[0] / "run", given(tmp_path), random.Random()
    files = [name for name in stamps(whole) if not name.startswith("input/")]
    names = sorted(draw.sample(files, 2), key=lambda name: (whole / name).stat().st_mtime_ns)
    killed = {}
    for name in names:
        process = subprocess.Popen([sys.executable, "-c", LOOP, str(path)], stderr=subprocess.DEVNULL)
        began = time.monotonic()
        while not (tmp_path / "run" / name).exists() and process.poll() is None and time.monotonic() - began < 120:
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        killed[name] = process.wait()
    _, records = Loop(load(path)).run()
    assert differing(contents(tmp_path / "run"), contents(whole)) == [], killed
    assert verify(Workspace.at(str(tmp_path / "run"))).problems == []
    assert killed[names[0]] == -signal.SIGKILL, killed
    for mine, theirs in zip(records, looped[1], strict=True):
        assert {key: mine[key] for key in TOLD} == {key: theirs[key] for key in TOLD}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"loop": {**SECTION, "captioning": None}}, "a captioner is trained as `loop.captioning` says"),
        ({"loop": {**SECTION, "trusted": None}}, "a captioner is fine-tuned on trusted pairs"),
        (
            {"loop": {**SECTION, "captioning": {"pretrain": {"objective": "clip", "samples_seen": 8}}}},
            "pre-trained by blip or coca, not by clip",
        ),
        (
            {"loop": {**SECTION, "captioning": {"pretrain": {"objective": "coca", "samples_seen": 8}}}},
            "coca makes no matcher: pre-train by blip",
        ),
        (
            {"loop": {**SECTION, "captioning": {**CAPTIONING, "matcher": {"samples_seen": 8, "model": "small"}}}},
            "take `objective` and `model` out of `matcher`",
        ),
        (
            {"loop": {**SECTION, "captioning": {"pretrain": PRETRAIN, "matcher": {"init": {"weights": "x"}}}}},
            "take `init` out",
        ),
        ({"models": {**MODELS, "judge": {**MODELS["judge"], "top_p": 0.5}}}, "`top_p` is of a captioner"),
        ({"models": {**MODELS, "judge": {**MODELS["judge"], "trained_on": "trusted"}}}, "`trained_on` is of a scorer"),
        ({"models": {**MODELS, "pretrained": {"kind": "trained"}}}, "give the model another"),
        ({"models": {**MODELS, "clip": {"kind": "trained", "as": "judge"}}}, "models.clip.as"),
        ({"loop": {**SECTION, "guards": {"min_coverage": 2}}}, "min_coverage"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused_at_the_door(tmp_path, changes, says):
    with pytest.raises(RecipeError, match=says):
        load(given(tmp_path, **changes))
