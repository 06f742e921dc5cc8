"""CoCa trains with its golden losses, and its decoder sees what it may and nothing more."""

import json

import pytest

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses import coca as losses
from model_training.losses.clip import clip_loss
from model_training.losses.coca import caption_loss, caption_sums
from model_training.trainers.clip import Clip
from model_training.trainers.coca import Coca
from model_training.trainers.contrastive_options import CocaOptions
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import SMALL, job

ARCH = {
    "embed_dim": 16,
    "multimodal_cfg": {
        "context_length": 12, "vocab_size": 600, "width": 16, "heads": 2, "layers": 1, "n_queries": 4,
        "attn_pooler_heads": 2,
    },
    "vision_cfg": {
        "image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8, "attentional_pool": True,
        "attn_pooler_queries": 4, "attn_pooler_heads": 2, "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 12, "vocab_size": 600, "width": 16, "heads": 2, "layers": 1, "embed_cls": True,
        "output_tokens": True,
    },
    "custom_text": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coca")
    (folder / "coca.json").write_text(json.dumps(ARCH))
    return job(folder, objective="coca", arch=str(folder / "coca.json"), lr=1e-2, weight_decay=0.0)


@pytest.fixture(scope="module")
def fresh(given):
    return Coca(given.plan, 0, held.CPU).eval()


def test_a_step_is_the_golden_losses_of_open_clips_output(fresh):
    inputs = held.inputs_of(fresh)
    with torch.no_grad():
        out = fresh.model(fresh.pixels(inputs.views[0]), inputs.tokens)
        found = fresh.loss(*fresh.encode(inputs)).item()
        contrastive = clip_loss(out["image_features"], out["text_features"], out["logit_scale"]).item()
        caption = caption_loss(out["logits"], out["labels"]).item()
    assert found == pytest.approx(contrastive + 2 * caption, rel=1e-5)
    numbers = fresh.numbers()
    assert numbers["contrastive_loss"] == pytest.approx(contrastive, rel=1e-5)
    assert numbers["caption_loss"] == pytest.approx(caption, rel=1e-5)
    assert (CocaOptions().contrastive_weight, CocaOptions().caption_weight) == (1.0, 2.0)
    assert (losses.CONTRASTIVE_WEIGHT, losses.CAPTION_WEIGHT) == (1.0, 2.0)


def test_captions_sums_share_out_the_caption_loss():
    drawn = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(4, 5, 7, generator=drawn), torch.randint(1, 7, (4, 5), generator=drawn)
    labels[1, 2:], labels[3] = 0, 0
    sums, counts = caption_sums(logits, labels)
    assert counts.tolist() == [5, 2, 5, 0] and sums[3] == 0
    torch.testing.assert_close(sums.sum() / counts.sum(), caption_loss(logits, labels))


def test_captions_of_nothing_but_padding_give_no_loss_and_no_nan(fresh):
    features = torch.eye(2, 16)
    fresh.loss(features, features, torch.zeros(2), torch.zeros(2))
    assert fresh.numbers()["caption_loss"] == 0


def test_golden_b5_what_the_decoder_and_the_text_tower_see(fresh):
    inputs = held.inputs_of(fresh, 4)
    pixels, tokens = fresh.pixels(inputs.views[0]), inputs.tokens
    with torch.no_grad():
        before, other = fresh.model(pixels, tokens), fresh.model(pixels.flip(0), tokens)
        assert torch.equal(before["text_features"], other["text_features"])
        assert (before["logits"] - other["logits"]).abs().max() > 1e-4
        for place in range(1, 8):
            changed = tokens.clone()
            changed[0, place] = 300 + place
            after = fresh.model(pixels, changed)["logits"]
            torch.testing.assert_close(after[0, :place], before["logits"][0, :place])
            assert not torch.allclose(after[0, place], before["logits"][0, place])


def test_the_decoders_projection_is_drawn_by_the_seed(given, fresh):
    for _ in range(2):
        again = Coca(given.plan, 0, held.CPU).model.text_decoder.text_projection
        assert torch.equal(again, fresh.model.text_decoder.text_projection)
    assert again.std().item() == pytest.approx(16**-0.5, rel=0.05)
    other = Coca(given.plan, 1, held.CPU).model.text_decoder.text_projection
    assert not torch.equal(again, other)


def test_models_with_and_without_a_decoder_are_not_mixed_up(given, tmp_path):
    with pytest.raises(InputError, match="has a text decoder"):
        Clip(given.plan, 0, held.CPU)
    (tmp_path / "clip.json").write_text(json.dumps(SMALL))
    with pytest.raises(InputError, match="has no text decoder"):
        Coca(Plan(str(tmp_path / "clip.json"), 8, 8), 0, held.CPU)


def test_it_learns(given):
    first = held.learned(given, "train/first", 1).loss
    assert held.learned(given, "train/learns", 150).loss < 0.3 * first


def test_resumed_and_in_parts(given, tmp_path):
    held.resumed_it_is_the_unbroken(given, tmp_path)
    held.in_parts_it_is_the_same(given)
