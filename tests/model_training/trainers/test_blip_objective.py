"""What BLIP's objectives must each hold: resuming, parts, workers, 16 bits, what they start from and write."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch

from curate.errors import InputError
from curate.files import Folder
from model_training.libraries import torch
from model_training.models.blip import Blip
from model_training.models.blip_spec import BlipSpec
from model_training.models.families import load, trained_spec
from model_training.models.generation import Generation
from model_training.models.sizes import SIZES
from model_training.trainers.backward import Backward
from model_training.trainers.loop import train
from model_training.trainers.objectives import OBJECTIVES, build
from model_training.trainers.plan import Plan
from tests.model_training.models import blip_folders
from tests.model_training.trainers import held
from tests.model_training.trainers.small_blip import blip_job

NAMES = ("blip", "blip_captioner", "blip_matcher")
WORKER = """
import pickle, sys
from model_training.trainers.group import met
from model_training.trainers.loop import train
jobs = pickle.load(open(sys.argv[1], "rb"))
with met(sys.argv[2], int(sys.argv[3]), 2):
    for job in jobs:
        train(job, rank=int(sys.argv[3]), workers=2)
"""


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("blip")


@pytest.fixture(scope="module")
def pretrained(folder):
    """A job of pre-training that was done, and a spec of its weights."""
    job = blip_job(folder, "blip", "train/pretrained")
    made = train(job)
    path = job.folder.path("train/pretrained/checkpoint.safetensors")
    return job, BlipSpec("pretrained", job.plan.arch, path, sha256=made.sha256, batch=4)


@pytest.mark.parametrize("name", NAMES)
def test_stopped_and_resumed_it_is_the_unbroken(folder, tmp_path, name):
    options = {"queue": 24} if name != "blip_captioner" else {}
    held.resumed_it_is_the_unbroken(blip_job(folder, name, options=options), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_in_parts_it_is_the_same(folder, name):
    held.in_parts_it_is_the_same(blip_job(folder, name))


def test_two_workers_make_the_losses_and_weights_of_one(folder, tmp_path):
    one = [blip_job(folder, name, f"{name}/0", root=str(tmp_path / "one")) for name in NAMES]
    one = [replace(job, name=f"{job.plan.objective}/0", logs=str(tmp_path / "one/logs")) for job in one]
    two = [replace(job, folder=Folder(str(tmp_path / "two")), logs=str(tmp_path / "two/logs")) for job in one]
    (tmp_path / "jobs").write_bytes(pickle.dumps(two))
    command = [sys.executable, "-c", WORKER, str(tmp_path / "jobs"), str(tmp_path / "meeting")]
    processes = [subprocess.Popen([*command, str(rank)]) for rank in range(2)]
    for job in one:
        train(job)
    assert [process.wait(100) for process in processes] == [0, 0]
    for job, other in zip(one, two, strict=True):
        mine, theirs = (logged(root, job.name) for root in (tmp_path / "one", tmp_path / "two"))
        assert list(mine) == list(range(1, 13)) and max(abs(mine[step] - theirs[step]) for step in mine) < 1e-4
        for name, tensor in written(job).items():
            torch.testing.assert_close(written(other)[name], tensor, rtol=1e-2, atol=2e-4)


def logged(root, name):
    lines = (root / "logs" / f"{name}.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def written(job):
    return safetensors.torch.load(job.folder.read(f"{job.under}/checkpoint.safetensors"))


@pytest.mark.parametrize("name", NAMES)
def test_16_bits_and_checkpointing_give_nearly_and_exactly_the_same(folder, name):
    given = blip_job(folder, name)
    found = {}
    for how in ("plain", "checkpointing", "bfloat16"):
        plan = replace(given.plan, precision="bfloat16" if how == "bfloat16" else "float32")
        objective = build(plan, 0, held.CPU).train()
        if how == "checkpointing":
            objective.checkpoint_activations()
        objective.before_step(0)
        loss = float(Backward(objective, plan, held.CPU)(held.inputs_of(objective)))
        found[how] = loss, torch.cat([p.grad.flatten() for p in objective.parameters() if p.grad is not None])
    assert found["checkpointing"][0] == found["plain"][0]
    torch.testing.assert_close(found["checkpointing"][1], found["plain"][1])
    assert found["bfloat16"][0] == pytest.approx(found["plain"][0], rel=0.01)
    assert torch.cosine_similarity(found["bfloat16"][1], found["plain"][1], dim=0) > 0.98


def test_what_is_written_does_what_it_says(folder, pretrained):
    images, texts = blip_folders.pictures(5), ["a dog", "two cats", "a red house", "sky", "a tree in a house"]
    uids = [f"{i:032x}" for i in range(5)]
    _, init = pretrained
    for name in NAMES:
        job = blip_job(folder, name, f"written/{name}", samples_seen=16, init=init if name != "blip" else None)
        made = train(job)
        path = job.folder.path(f"{job.under}/{made.file}")
        spec = trained_spec("blip", job.plan.arch, name, path, made.sha256, 4)
        model = load(replace(spec, generation=Generation(min_length=4, max_length=12)))
        known = OBJECTIVES[name]
        assert known.family == "blip" and not known.needs_init
        calls = {
            "images": lambda model=model: model.encode_images(images),
            "texts": lambda model=model: model.encode_texts(texts),
            "captions": lambda model=model: model.caption(images, uids),
            "matches": lambda model=model: model.match(images, texts),
        }
        for ability, call in calls.items():
            if ability in known.does:
                assert len(call()) == 5
            else:
                with pytest.raises(InputError, match="has no text"):
                    call()
        if name == "blip":
            np.testing.assert_allclose(np.linalg.norm(calls["images"](), axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_starts_from_weights_of_ours(folder, pretrained, name):
    job, init = pretrained
    found = build(replace(blip_job(folder, name).plan, init=init), 5, held.CPU)
    given = safetensors.torch.load_file(init.weights)
    model = Blip.from_checkpoint(job.plan.arch, init.weights)
    if name == "blip_captioner":
        model.drop("text_encoder")
    elif name == "blip_matcher":
        model.drop("text_decoder")
    wanted, own = model.state_dict(), found.weights()
    assert set(own) == set(wanted) and (name != "blip" or set(own) == set(given))
    assert all(torch.equal(own[key], wanted[key]) for key in own)
    if name != "blip_captioner":  # the copies that follow begin as what they follow
        assert torch.equal(found.momentum.text_proj.weight, own["text_proj.weight"])


def test_starts_from_the_vision_alone(folder, pretrained):
    job, init = pretrained
    found = build(replace(job.plan, init=init, init_part="image"), 5, held.CPU).weights()
    drawn, given = build(job.plan, 5, held.CPU).weights(), safetensors.torch.load_file(init.weights)
    assert all(torch.equal(found[key], (given if key.startswith("vision_model.") else drawn)[key]) for key in found)


def test_starts_from_a_transformers_folder_and_writes_what_loads_with_it(tmp_path):
    blip_folders.write(tmp_path / "captioner", "BlipForConditionalGeneration")
    folder = str(tmp_path / "captioner")
    job = blip_job(tmp_path, "blip_captioner", arch=folder, init=BlipSpec("theirs", "", folder), samples_seen=8)
    started = build(job.plan, 0, held.CPU).weights()
    theirs = Blip.from_folder(folder).state_dict()
    assert set(started) == set(theirs) and all(torch.equal(started[key], theirs[key]) for key in theirs)
    made = train(job)
    spec = trained_spec("blip", folder, "c", job.folder.path(f"{job.under}/{made.file}"), made.sha256, 4)
    assert len(load(spec).caption(blip_folders.pictures(2), ["0", "1"])) == 2
    with pytest.raises(InputError, match="has no text encoder, which blip_matcher trains"):
        build(blip_job(tmp_path, "blip_matcher", arch=folder, init=BlipSpec("theirs", "", folder)).plan, 0, held.CPU)


def test_what_does_not_fit_is_refused(folder, pretrained):
    job, init = pretrained
    with pytest.raises(InputError, match=r"does not fit .*tiny_blip\.json: size mismatch"):
        build(replace(job.plan, arch=SIZES["blip"]["tiny"], init=init, options=(("queue", 0),)), 0, held.CPU)
    with pytest.raises(InputError, match=r"options\.augment: Input should be"):
        build(blip_job(folder, "blip", options={"augment": "much"}).plan, 0, held.CPU)
    with pytest.raises(InputError, match=r"a queue of 20 features is no multiple of a batch of 8(.|\n)*such as 16"):
        build(blip_job(folder, "blip", options={"queue": 20}).plan, 0, held.CPU)


def test_texts_are_cleaned_cut_and_keep_their_end(folder):
    objective = build(blip_job(folder, "blip", options={"max_tokens": 10}).plan, 0, held.CPU)
    own = objective.model.tokens
    ids = objective.tokenize(["A DOG!", "a very very very very long text"])
    assert ids.shape == (2, 10) and ids[:, 0].tolist() == [own.start] * 2
    assert own.text(ids[0].tolist()) == "a dog" and ids[0, -1] == own.pad
    assert ids[1, -1] == own.end and (ids[0] == own.end).sum() == 1


@pytest.mark.parametrize("name", ["blip_captioner", "blip_matcher"])
def test_fine_tunings_rate_is_a_cosine_by_epochs(folder, name):
    epochs = {"blip_captioner": 5, "blip_matcher": 6}[name]
    objective = build(blip_job(folder, name, samples_seen=800 * epochs, lr=1e-5, warmup=0).plan, 0, held.CPU)
    for epoch in range(epochs):
        rate = 1e-5 * (1 + np.cos(np.pi * epoch / epochs)) / 2
        for step in (100 * epoch, 100 * epoch + 99):
            assert objective.rates(step) == (pytest.approx(rate), 0.05)


def test_a_small_models_file_says_its_options_and_the_recipe_before_it():
    plan = Plan(SIZES["blip"]["tiny"], 64, 64, objective="blip", options=(("alpha", 0.3),))
    said = build(plan, 0, held.CPU).said
    assert (said.queue, said.augment, said.alpha, said.momentum) == (0, "crop", 0.3, 0.995)
    assert build(replace(plan, options=(("queue", 128),)), 0, held.CPU).said.queue == 128


def test_the_temperature_has_a_rate_of_its_own(folder):
    objective = build(blip_job(folder, "blip", options={"temperature_lr_scale": 0.1}).plan, 0, held.CPU)
    scales = {id(p): group.scale for group in objective.groups() for p in group.parameters}
    assert scales.pop(id(objective.model.temperature)) == 0.1 and set(scales.values()) == {1.0}
