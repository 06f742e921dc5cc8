"""iBOT's loss is its golden one of the models' own tokens; masks belong to the batch, not to the worker."""

import pytest

from model_training.libraries import torch
from model_training.losses.dino import dino_loss
from model_training.losses.ibot import ibot_loss
from model_training.trainers.ibot import Ibot, Seen
from model_training.trainers.self_distillation import tokens
from tests.model_training.trainers import held
from tests.model_training.trainers.small_vit import learns_what_the_teacher_says, vit_job


@pytest.fixture(scope="module", params=[False, True], ids=["shared", "separate"])
def objective(tmp_path_factory, request):
    torch.set_num_threads(1)
    job = vit_job(tmp_path_factory.mktemp("ibot"), "ibot", options={"separate_heads": request.param})
    return Ibot(job.plan, 0, held.CPU).eval()


@torch.no_grad()
def test_a_step_is_the_golden_losses_of_timms_tokens(objective):
    inputs = held.inputs_of(objective)
    seen = Seen(*objective.encode(inputs), None)
    assert seen.mask.shape == (8, 2, 16)
    assert 5 < seen.mask.any(2).sum() <= 8  # half of the large crops, of some less than a patch
    student, teacher = objective.student, objective.teacher
    head = "patch_head" if objective.said.separate_heads else "head"
    assert ("patch_head" in student) == objective.said.separate_heads
    patches, said, large = [], [], []
    for row in range(8):
        for crop in range(2):
            pixels = objective.large(inputs.part(range(row, row + 1)))[crop][None]
            whole = teacher["backbone"].forward_features(pixels)[0, 1:]
            holed = tokens(student["backbone"], pixels, seen.mask[row, crop][None], objective.mask_token)[0]
            large.append(holed[0])
            patches += student[head](holed[1:][seen.mask[row, crop]])
            said += teacher[head](whole[seen.mask[row, crop]])
    large = torch.stack(large).view(8, 2, -1).unbind(1)
    small = student["backbone"](objective.small(inputs)[0]).view(2, 8, -1).unbind(0)
    views = [student["head"](features) for features in (*large, *small)]
    answers = [teacher["head"](teacher["backbone"](crops)) for crops in objective.large(inputs).split(8)]
    expected = dino_loss(views, torch.softmax(torch.stack(answers) / 0.04, -1)) + ibot_loss(
        torch.stack(patches), torch.softmax(torch.stack(said) / 0.04, -1), seen.mask.flatten(0, 1)
    )
    assert float(objective.loss(*seen[:5])) == pytest.approx(float(expected), rel=1e-5)


@torch.no_grad()
def test_a_masked_patch_is_not_seen_and_the_others_are(objective):
    vit, pixels = objective.student["backbone"], torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(tokens(vit, pixels), vit.forward_features(pixels))
    mask = torch.zeros(2, 16, dtype=torch.bool)
    mask[:, 5] = True  # row 1, column 1
    before = tokens(vit, pixels, mask, objective.mask_token)
    pixels[:, :, 4:8, 4:8] += 1
    assert torch.equal(tokens(vit, pixels, mask, objective.mask_token), before)
    pixels[:, :, 4:8, 8:12] += 1
    assert not torch.equal(tokens(vit, pixels, mask, objective.mask_token), before)


def test_masks_are_the_batchs_whoever_draws_them(objective):
    inputs = held.inputs_of(objective)
    whole = objective.masks(inputs)
    parts = [objective.masks(inputs.part(range(at, at + 2))) for at in (0, 2, 4, 6)]
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(objective.masks(held.inputs_of(objective, step=1)), whole)


def test_nothing_masked_is_a_loss_of_images_alone(tmp_path):
    job = vit_job(tmp_path, "ibot", options={"masked_share": 0.0})
    objective = Ibot(job.plan, 0, held.CPU)
    encoded = objective.encode(held.inputs_of(objective))
    loss = objective.loss(*encoded)
    loss.backward()
    answers = torch.softmax(encoded[1].transpose(0, 1) / 0.04, -1)
    assert loss.item() == pytest.approx(dino_loss(encoded[0].unbind(1), answers).item(), rel=1e-5)


def test_it_learns(tmp_path):
    learns_what_the_teacher_says(tmp_path, "ibot")
