"""Trained models of any kind are judged on the engine; what is there already is not judged again."""

import hashlib
import json
import os

import polars as pl
import pyarrow.parquet as pq
import pytest
import safetensors.torch
import yaml

from curate.errors import InputError
from curate.manifest import Entry
from model_training.evaluation.items import OnDisk, Room
from model_training.libraries import torch
from model_training.models.coca import initialise
from model_training.models.open_clip import OpenClipSpec, register
from model_training.models.sizes import SIZES
from model_training.models.timm import TimmSpec
from pipelines.context import session
from pipelines.evaluate import BATCH, EvaluateTask, evaluations, judge, specs_of
from pipelines.progress import Quiet
from pipelines.recipe import load
from pipelines.recipe_training import Train
from pipelines.workspace import EVAL, METRICS, TRAIN
from tests.model_training.evaluation.pictured import NAMES, images_of, labels_of
from tests.model_training.trainers.small import SMALL

import open_clip  # isort: skip
import timm  # isort: skip

CLIP_EVALS = """
- {name: colours, kind: zero_shot, data: test.parquet, classes: classes.yaml}
- {name: near, kind: knn, data: test.parquet, train: train.parquet, k: [1, 3]}
- {name: line, kind: linear_probe, data: test.parquet, train: train.parquet, recipe: clip, iterations: 20}
- {name: start, kind: linear_probe, data: test.parquet, train: train.parquet, recipe: datacomp, classes: classes.yaml,
   iterations: 2}
- {name: pairs, kind: winoground, data: pairs.parquet}
- {name: choice, kind: caption_choice, data: choice.parquet}
- {name: cues, kind: winogavil, data: cues.parquet}
- {name: real, kind: zero_shot, data: real.parquet, classes: classes.yaml}
"""
IMAGE_EVALS = """
- {name: near, kind: knn, data: test.parquet, train: train.parquet, k: [3]}
- {name: heads, kind: linear_probe, data: test.parquet, train: train.parquet, recipe: dinov2_linear, iterations: 50}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    train, test = labels_of(24), labels_of(9)
    a, b = images_of(test, 1000), images_of(test[1:], 2000)
    pl.DataFrame({"jpg": images_of(train), "label": train}).write_parquet(folder / "train.parquet")
    pl.DataFrame({"jpg": a, "label": test}).write_parquet(folder / "test.parquet")
    pl.DataFrame({"jpg": a, "label": [[name] for name in test]}).write_parquet(folder / "real.parquet")
    winoground = {"image_0": a[:8], "image_1": b, "caption_0": test[:8], "caption_1": test[1:]}
    pl.DataFrame(winoground).write_parquet(folder / "pairs.parquet")
    choice = {"jpg": a, "caption": [[f"a {name} thing", "a dog", "a cat"] for name in test]}
    pl.DataFrame(choice).write_parquet(folder / "choice.parquet")
    cues = {"cue": ["red", "blue"], "images": [a[:5], a[:6]], "associations": [[0, 3], [2]]}
    pl.DataFrame(cues).write_parquet(folder / "cues.parquet")
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": list(NAMES[:3]), "templates": ["a {} thing"]}))
    pl.DataFrame({"jpg": a, "caption": test}).write_parquet(folder / "pool.parquet")
    (folder / "small.json").write_text(json.dumps(SMALL))
    return folder


def recipe_of(folder, run, evals):
    data = {"name": "judged", "run_dir": run, "input": {"table": "pool.parquet"}, "engine": {"kind": "serial"}}
    path = folder / f"{run}.yaml"
    path.write_text(yaml.safe_dump({**data, "eval": yaml.safe_load(evals)}))
    return load(path)


def enter(context, seed, state):
    """A trained model, as training leaves it."""
    name = f"{seed}/checkpoint.safetensors"
    context.folder.write(f"{TRAIN}/{name}", safetensors.torch.save(state))
    data = context.folder.read(f"{TRAIN}/{name}")
    manifest = context.workspace.manifest(TRAIN)
    record = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest.entries[str(seed)] = Entry("trained", 1, {"seen": 1}, {name: record})
    manifest.save()


def clip_state(seed):
    torch.manual_seed(seed)
    return open_clip.CLIP(SMALL["embed_dim"], SMALL["vision_cfg"], SMALL["text_cfg"]).state_dict()


def clip_of(arch):
    return lambda name, path, sha256: OpenClipSpec(name, str(arch), path, sha256=sha256, batch=BATCH)


def vit_of(name, path, sha256):
    return TimmSpec(name, "test_vit", path, sha256=sha256, batch=BATCH)


def test_every_kind_for_a_clip_is_judged_once_for_each_seed(folder):
    recipe, spec_of = recipe_of(folder, "clips", CLIP_EVALS), clip_of(folder / "small.json")
    with session(recipe, Quiet()) as context:
        for seed in (0, 1):
            enter(context, seed, clip_state(seed))
        judge([context], recipe, spec_of)
        assert context.made[EVAL] == 2
        judge([context], recipe, spec_of)
        assert context.made[EVAL] == 2
        metrics = pq.read_table(context.folder.path(METRICS)).to_pylist()
        rows = context.folder.read_table(f"{EVAL}/0.parquet").to_pylist()
    assert {row["seed"] for row in metrics} == {0, 1}
    found = {name: {row["metric"]: row for row in rows if row["eval"] == name} for name in {r["eval"] for r in rows}}
    assert {name: list(own) for name, own in found.items()} == {
        "colours": ["top1", "mean_per_class_recall"],
        "near": [f"knn{k}_{m}" for k in (1, 3) for m in ("top1", "mean_per_class_recall")],
        "line": ["top1", "mean_per_class_recall"],
        "start": ["top1", "mean_per_class_recall"],
        "pairs": ["text_score", "image_score", "group_score"],
        "choice": ["caption_choice"],
        "cues": ["jaccard"],
        "real": ["real_top1", "mean_average_precision"],
    }
    assert found["near"]["knn3_top1"]["value"] == found["line"]["top1"]["value"] == 1.0
    assert found["real"]["real_top1"]["value"] == found["colours"]["top1"]["value"]  # one label each
    for row in rows:  # every mean over items can be resampled
        if row["metric"] == "mean_average_precision":
            assert row["hits"] is None
        else:
            assert sum(row["hits"]) / len(row["hits"]) == pytest.approx(row["value"], abs=1e-6)


def test_another_option_or_training_set_is_another_evaluation(folder):
    spec_of = clip_of(folder / "small.json")
    pl.read_parquet(folder / "train.parquet").head(20).write_parquet(folder / "fewer.parquet")
    entry = "[{name: near, kind: knn, data: test.parquet, train: train.parquet, k: [1]}]"
    with session(recipe_of(folder, "changed", entry), Quiet()) as context:
        enter(context, 0, clip_state(0))
        changes = [
            ("", ""),
            ("k: [1]", "k: [3]"),
            ("train.parquet", "fewer.parquet"),
            ("k: [3]", "k: [3], per_class: 4"),
        ]
        for made, (old, new) in enumerate(changes, 1):
            entry = entry.replace(old, new) if old else entry
            judge([context], recipe_of(folder, "changed", entry), spec_of)
            assert context.made[EVAL] == made


def test_an_image_model_is_judged_by_what_it_can_and_refused_by_what_it_cannot(folder):
    torch.manual_seed(0)
    state = timm.create_model("test_vit", pretrained=False, num_classes=0).state_dict()
    recipe = recipe_of(folder, "vits", IMAGE_EVALS)
    with session(recipe, Quiet()) as context:
        enter(context, 0, state)
        judge([context], recipe, vit_of)
        rows = context.folder.read_table(f"{EVAL}/0.parquet").to_pylist()
        assert {(row["eval"], row["metric"]) for row in rows} == {
            (name, metric.format(m))
            for name, metric in (("near", "knn3_{}"), ("heads", "{}"))
            for m in ("top1", "mean_per_class_recall")
        }
        assert next(row["value"] for row in rows if row["metric"] == "knn3_top1") == 1.0
        texts = recipe_of(folder, "vits", CLIP_EVALS.partition("- {name: near")[0])
        with pytest.raises(InputError, match="'colours': zero_shot cannot judge a model without encode_texts"):
            judge([context], texts, vit_of)


def test_a_coca_is_judged_by_its_captions_which_are_not_drawn(folder):
    torch.manual_seed(0)
    model = open_clip.create_model(register(open_clip, SIZES["coca"]["tiny"]))
    initialise(model)
    recipe = recipe_of(
        folder,
        "cocas",
        "[{name: told, kind: captioning, data: pool.parquet}, {name: t, kind: retrieval, data: pool.parquet}]",
    )
    spec_of = specs_of(Train(objective="coca", model="tiny", samples_seen=1))
    assert spec_of("a", "b", "c").generation.method == "greedy"
    assert not hasattr(specs_of(Train(samples_seen=1))("a", "b", "c"), "generation")
    with session(recipe, Quiet()) as context:
        enter(context, 0, model.state_dict())
        judge([context], recipe, spec_of)
        rows = context.folder.read_table(f"{EVAL}/0.parquet").to_pylist()
    told = {row["metric"]: row for row in rows if row["eval"] == "told"}
    assert list(told) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider_d"]
    assert told["bleu_4"]["hits"] is None and len(told["cider_d"]["hits"]) == told["cider_d"]["n"] == 9
    assert "mean_r1" in {row["metric"] for row in rows if row["eval"] == "t"}


def test_a_missing_set_is_an_error_that_names_it(folder):
    for evals, missing in (
        ("[{name: n, kind: knn, data: test.parquet, train: gone.parquet}]", "gone.parquet"),
        ("[{name: n, kind: winoground, data: gone.parquet}]", "gone.parquet"),
        ("[{name: n, kind: zero_shot, data: test.parquet, classes: gone.yaml}]", "gone.yaml"),
    ):
        recipe = recipe_of(folder, "missing", evals)
        with session(recipe, Quiet()) as context, pytest.raises(InputError, match=missing):
            judge([context], recipe, vit_of)


def test_what_the_evaluations_of_a_worker_hold_is_bounded_together(folder, monkeypatch):
    """Each set would have room alone: their number may not decide how much memory a worker takes."""
    wanted = evaluations(recipe_of(folder, "held", CLIP_EVALS))
    task = EvaluateTask(wanted)
    for share, kind in ((max(map(size_of, wanted)), tuple), (min(map(size_of, wanted)) - 1, OnDisk)):
        monkeypatch.setattr("pipelines.evaluate.ROOM", Room(1 << 30, len(wanted) * share))
        task.open()
        assert [type(held_by(one)) for one in task._loaded] == [kind] * len(wanted)


def size_of(evaluation):
    return sum(os.path.getsize(place) for place in (*evaluation.data, *evaluation.train))


def held_by(task):
    found = getattr(task, "items", None) or getattr(task, "images", None)
    return found or task.train.items
