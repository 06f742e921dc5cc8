"""What DINO, iBOT and DINOv2 must each hold: resuming, parts, workers, the teacher as a timm model."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image

from curate.errors import InputError
from curate.files import Folder
from model_training.libraries import torch
from model_training.losses.momentum_teacher import cosine
from model_training.models.timm import TimmEncoder, TimmSpec
from model_training.models.timm_architecture import create
from model_training.models.weights import Weights
from model_training.trainers.backward import Backward
from model_training.trainers.loop import train
from model_training.trainers.objectives import OBJECTIVES, build
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small_vit import vit_job

NAMES = ("dino", "ibot", "dinov2")
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
    return tmp_path_factory.mktemp("self_distillation")


@pytest.mark.parametrize("name", NAMES)
def test_stopped_and_resumed_it_is_the_unbroken(folder, tmp_path, name):
    held.resumed_it_is_the_unbroken(vit_job(folder, name, options={"drop_path": 0.2}), tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_its_crops_are_mirrored_only_where_the_plan_says_so(folder, name):
    for flip in (True, False):
        assert build(vit_job(folder, name, flip=flip).plan, 0, held.CPU).views.flip is flip


@pytest.mark.parametrize("name", NAMES)
def test_in_parts_it_is_the_same(folder, name):
    held.in_parts_it_is_the_same(vit_job(folder, name))


def test_two_workers_make_the_losses_and_weights_of_one(folder, tmp_path):
    one = [vit_job(folder, name, f"{name}/0", root=str(tmp_path / "one"), lr=3e-3) for name in NAMES]
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


def logged(root: Path, name: str) -> dict[int, float]:
    lines = (json.loads(line) for line in (root / "logs" / f"{name}.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in lines}


def written(job):
    return safetensors.torch.load(job.folder.read(f"{job.under}/checkpoint.safetensors"))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_the_teachers_backbone_as_timm_loads_it(folder, tmp_path, name):
    job = vit_job(folder, name, root=str(tmp_path))
    assert train(job).steps == 12
    file = job.folder.path(f"{job.under}/checkpoint.safetensors")
    encoder = TimmEncoder(TimmSpec("v", job.plan.arch, file))
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8))
    objective = build(job.plan, 0, held.CPU)
    objective.teacher["backbone"].load_state_dict(written(job))
    inputs = torch.from_numpy(np.array(picture))[None].permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        vector = objective.teacher["backbone"].eval()((inputs - objective.mean) / objective.std)
    np.testing.assert_allclose(
        encoder.encode_images([picture]), torch.nn.functional.normalize(vector, dim=-1).numpy(), atol=1e-5
    )
    assert set(written(job)) == set(create(job.plan.arch).state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_the_teacher_starts_as_the_student_and_follows_it(folder, name):
    objective = build(vit_job(folder, name).plan, 0, held.CPU)
    before = {key: value.clone() for key, value in objective.teacher.state_dict().items()}
    for key, value in objective.student.state_dict().items():
        assert torch.equal(value, before[key])
    with torch.no_grad():
        for parameter in objective.student.parameters():
            parameter.add_(1.0)
    objective.after_update(6)  # of 12: the momentum is half-way from .9 to 1
    for key, value in objective.teacher.state_dict().items():
        torch.testing.assert_close(value, before[key] + 0.05)
    assert not any(p.requires_grad for p in objective.teacher.parameters())


def test_rates_are_dinos(folder):
    objective = build(vit_job(folder, "dino", lr=2e-3, warmup=3).plan, 0, held.CPU)
    rates = [objective.rates(step) for step in range(12)]
    assert [rate for rate, _ in rates][:4] == pytest.approx([0, 1e-3, 2e-3, 2e-3])
    assert rates[11][0] == pytest.approx(cosine(8, 9, 2e-3, 1e-6))
    assert [decay for _, decay in rates][::6] == pytest.approx([0.04, 0.22])
    assert build(vit_job(folder, "dino", schedule="constant").plan, 0, held.CPU).rates(11) == (3e-3, rates[11][1])


def test_prototypes_stay_for_an_epoch_and_each_gradient_is_clipped(folder):
    job = vit_job(folder, "dino", options={"clip_each": 1e-3})
    objective = build(job.plan, 0, held.CPU)
    for step in (0, 2, 3):  # 12 steps in 4 epochs
        objective.zero_grad()
        Backward(objective, job.plan, held.CPU)(held.inputs_of(objective))
        objective.after_backward(step)
        assert (objective.student["head"].prototypes.grad is None) == (step < 3)
        norms = [float(p.grad.norm()) for p in objective.parameters() if p.grad is not None]
        assert max(norms) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_activations_computed_again_give_the_same_gradient(folder, name):
    job = vit_job(folder, name)
    found = []
    for again in (False, True):
        objective = build(job.plan, 0, held.CPU).train()
        if again:
            objective.checkpoint_activations()
        loss = Backward(objective, job.plan, held.CPU)(held.inputs_of(objective))
        found.append((float(loss), objective.student["backbone"].blocks[0].attn.qkv.weight.grad))
    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1])


def test_bfloat16_is_near_float32(folder):
    losses = [train(vit_job(folder, "dinov2", f"b/{p[-2:]}", precision=p)).loss for p in ("float32", "bfloat16")]
    assert losses[0] != losses[1] and losses[0] == pytest.approx(losses[1], rel=0.02)


def test_it_starts_from_given_weights(folder, tmp_path):
    job = vit_job(folder, "dino")
    vit = create(job.plan.arch)
    file = str(tmp_path / "vit.safetensors")
    safetensors.torch.save_file(vit.state_dict(), file)
    objective = build(replace(job.plan, init=Weights("init", job.plan.arch, file)), 0, held.CPU)
    for name, tensor in objective.weights().items():
        assert torch.equal(tensor, vit.state_dict()[name])
    safetensors.torch.save_file({"norm.weight": vit.norm.weight.detach()}, file)
    with pytest.raises(InputError, match=r"vit\.safetensors"):
        build(replace(job.plan, init=Weights("init", job.plan.arch, file)), 0, held.CPU)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"arch": "resnet18"}, "resnet18: cannot be built as a ViT"),
        ({"arch": "vit_of_mars"}, "no architecture"),
        ({"arch": "test_vit2"}, "no ViT"),  # it has no class token
        ({"ema": 0.99}, "moving average already"),
        ({"crop_area": 0.5}, "train.crop_area"),
        ({"options": {"local_side": 9}}, "whole patches of 4"),
    ],
)
def test_what_cannot_be_trained_is_refused(folder, plan, message):
    with pytest.raises(InputError, match=message):
        build(vit_job(folder, "dino", **plan).plan, 0, held.CPU)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", ["tiny", "small"])
def test_both_sizes_have_options_that_are_known(name, size):
    arch = OBJECTIVES[name].sizes[size]
    said = json.loads(Path(arch).read_text())["options"][name]
    assert OBJECTIVES[name].options(**said)
    if size == "tiny":
        objective = build(Plan(arch, 64, 8, objective=name, options=(("prototypes", 7),)), 0, held.CPU)
        assert objective.said.prototypes == 7 and objective.said.hidden == said["hidden"]
        assert objective.said.centre_momentum == 0.9 and objective.views.side == 32
        assert 700_000 < sum(p.numel() for p in objective.weights().values()) < 900_000
