"""CoCa's two losses against open_clip's, and what its decoder may see, on a small open_clip CoCa."""

import math

import pytest

from model_training.libraries import torch
from model_training.losses.coca import PAD, caption_loss, coca_loss

import open_clip  # isort: skip
from open_clip.coca_model import CoCa, MultimodalCfg  # isort: skip
from open_clip.model import CLIPTextCfg, CLIPVisionCfg  # isort: skip

LENGTH, VOCABULARY = 8, 32


@pytest.fixture(scope="module")
def coca():
    torch.manual_seed(0)
    vision = CLIPVisionCfg(
        layers=1, width=32, head_width=16, patch_size=8, image_size=16, attentional_pool=True,
        attn_pooler_heads=2, output_tokens=True,
    )  # fmt: skip
    text = CLIPTextCfg(
        context_length=LENGTH, vocab_size=VOCABULARY, width=32, heads=2, layers=1, embed_cls=True, output_tokens=True
    )
    decoder = MultimodalCfg(context_length=LENGTH, vocab_size=VOCABULARY, width=32, heads=2, layers=1)
    model = CoCa(32, decoder, text, vision, pad_id=PAD).eval()
    with torch.no_grad():
        # open_clip leaves some of the decoder's as the memory was; norms' gains and the scale are set already.
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.2)
    return model


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(3, 3, 16, 16, generator=generator)
    texts = torch.randint(1, VOCABULARY, (3, LENGTH), generator=generator)
    texts[1, 5:] = PAD
    return images, texts


def both(out):
    contrast = open_clip.ClipLoss()(out["image_features"], out["text_features"], out["logit_scale"])
    return coca_loss(contrast, caption_loss(out["logits"], out["labels"]))


def test_golden_b5_weights():
    assert coca_loss(torch.tensor(1.5), torch.tensor(3.0)).item() == 7.5


def test_losses_and_gradients_are_open_clips(coca, batch):
    theirs = open_clip.CoCaLoss(caption_loss_weight=2.0, clip_loss_weight=1.0, pad_id=PAD)
    found = []
    for total in (both, lambda out: sum(theirs(**{k: v for k, v in out.items() if k != "logit_bias"}))):
        coca.zero_grad()
        loss = total(coca(*batch))
        loss.backward()
        found.append((loss.detach(), [p.grad.clone() for p in coca.parameters() if p.grad is not None]))
    assert len(found[0][1]) > 20
    torch.testing.assert_close(found[0], found[1])


def test_golden_b5_all_padding_adds_nothing():
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(2), requires_grad=True)
    labels = torch.tensor([[1, 2, 3, PAD, PAD], [PAD] * 5])
    torch.testing.assert_close(caption_loss(logits, labels), caption_loss(logits[:1], labels[:1]))
    nothing = caption_loss(logits, torch.full_like(labels, PAD))
    nothing.backward()
    assert nothing.item() == 0
    assert not logits.grad.any()
    # The library's is the trap.
    library = open_clip.CoCaLoss(caption_loss_weight=2.0, clip_loss_weight=0.0, pad_id=PAD)
    assert math.isnan(library(None, None, logits.detach(), torch.full_like(labels, PAD), None)[1])


def test_golden_b5_later_tokens_do_not_change_earlier_logits(coca, batch):
    images, texts = batch
    with torch.no_grad():
        before = coca(images, texts)["logits"]
        for place in range(1, LENGTH - 1):
            changed = texts.clone()
            changed[0, place] = changed[0, place] % (VOCABULARY - 1) + 1
            after = coca(images, changed)["logits"]
            torch.testing.assert_close(after[0, :place], before[0, :place])
            assert not torch.allclose(after[0, place], before[0, place])


def test_golden_b5_pixels_change_the_multimodal_logits_but_not_the_text(coca, batch):
    images, texts = batch
    with torch.no_grad():
        before, after = coca(images, texts), coca(images.flip(0), texts)
    assert torch.equal(before["text_features"], after["text_features"])
    assert (before["logits"] - after["logits"])[0].abs().max() > 1e-4
