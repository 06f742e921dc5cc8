"""DINOv2's loss is its golden total of the models' own tokens; learning rates fall towards the pixels."""

import pytest

from model_training.libraries import torch
from model_training.losses.dinov2 import dinov2_loss
from model_training.losses.sinkhorn_knopp import sinkhorn_knopp
from model_training.trainers.dinov2 import Dinov2
from model_training.trainers.ibot import Seen
from tests.model_training.trainers import held
from tests.model_training.trainers.small_vit import learns_what_the_teacher_says, vit_job


def made(folder, **options):
    torch.set_num_threads(1)
    return Dinov2(vit_job(folder, "dinov2", options=options).plan, 0, held.CPU)


@torch.no_grad()
@pytest.mark.parametrize("centring", ["sinkhorn_knopp", "centre"])
def test_a_step_is_the_golden_total(tmp_path, centring):
    objective = made(tmp_path, centring=centring, koleo=0.3).eval()
    seen = Seen(*objective.encode(held.inputs_of(objective)))
    vit = objective.student["backbone"]
    assert seen.features.shape == (8, 2, 16) and "patch_head" in objective.student

    def answers(logits):
        if centring == "centre":
            return torch.softmax(logits / 0.04, -1)
        return sinkhorn_knopp(logits.reshape(-1, 24), 0.04).view(logits.shape)

    parts = dinov2_loss(
        seen.student.unbind(1),
        answers(seen.teacher.transpose(0, 1)),
        seen.student_patches,
        answers(seen.teacher_patches),
        seen.mask.flatten(0, 1),
        seen.features.unbind(1),
    )
    expected = parts.dino + parts.ibot + 0.3 * parts.koleo
    assert float(objective.loss(*seen)) == pytest.approx(float(expected), rel=1e-5)
    # The features are the class tokens of unmasked crops where nothing is masked.
    plain = ~seen.mask.any(2)
    whole = vit(objective.large(held.inputs_of(objective))).view(2, 8, -1).transpose(0, 1)
    torch.testing.assert_close(seen.features[plain], whole[plain])


@torch.no_grad()
def test_sinkhorn_shares_the_prototypes_out_over_both_crops(tmp_path):
    objective = made(tmp_path)
    said = objective.image_answers(torch.randn(2, 8, 24))
    assert said.shape == (2, 8, 24)
    torch.testing.assert_close(said.sum(-1), torch.ones(2, 8))
    assert objective.patch_answers(torch.randn(0, 24)).shape == (0, 24)


def test_learning_rates_by_layer(tmp_path):
    objective = made(tmp_path, layer_decay=0.5)
    scale = {id(p): group.scale for group in objective.groups() for p in group.parameters}
    decays = {id(p): group.decays for group in objective.groups() for p in group.parameters}
    free = {name: p for name, p in objective.named_parameters() if p.requires_grad}
    assert set(scale) == {id(p) for p in free.values()}
    found = {name.removeprefix("student."): scale[id(p)] for name, p in free.items()}
    assert found["head.prototypes"] == found["patch_head.prototypes"] == found["backbone.norm.weight"] == 1
    assert found["backbone.blocks.1.mlp.fc1.weight"] == 0.5 and found["backbone.blocks.0.norm1.bias"] == 0.25
    assert found["backbone.pos_embed"] == found["backbone.cls_token"] == found["mask_token"] == 0.125
    assert found["backbone.patch_embed.proj.weight"] == pytest.approx(0.125 * 0.2)
    assert all(decays[id(p)] == (p.ndim >= 2) for p in free.values())


def test_it_learns(tmp_path):
    learns_what_the_teacher_says(tmp_path, "dinov2")
