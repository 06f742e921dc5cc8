"""BLIP's module: what is shared, one file each, and the same numbers as transformers' own models of a folder."""

import copy
import json
from pathlib import Path

import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.blip import Blip
from model_training.models.sizes import SIZES
from tests.model_training.models import blip_folders

import transformers  # isort: skip

TINY = SIZES["blip"]["tiny"]


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    return Blip.from_config(TINY).eval()


def test_decoder_and_encoder_share_all_but_self_attention(tiny):
    kept = {id(p): name for name, p in tiny.named_parameters()}
    own = {kept[id(p)] for p in tiny.text_decoder.parameters() if kept[id(p)].startswith("text_decoder.")}
    assert own and all(".attention." in name or ".cls." in name for name in own)
    ours, theirs = tiny.text_decoder.bert.encoder.layer[1], tiny.text_encoder.encoder.layer[1]
    assert ours.attention is not theirs.attention and ours.crossattention is theirs.crossattention
    # The paper's counts: one vision transformer, one text transformer and its self-attention once more.
    words = tiny.text_encoder.embeddings.word_embeddings.weight
    assert tiny.text_decoder.cls.predictions.decoder.weight is words


def test_one_file_brings_it_back_and_names_no_tensor_twice(tiny, tmp_path):
    path = str(tmp_path / "w.safetensors")
    safetensors.torch.save_file(tiny.state_dict(), path)
    assert len(tiny.state_dict()) == len(list(tiny.parameters()))
    again = Blip.from_checkpoint(TINY, path).eval()
    ids, images = tiny.tokens.ids(["a dog", "two cats"]), torch.randn(2, 3, 32, 32)
    for model in (again, copy.deepcopy(tiny)):
        states = model.image_states(images)
        assert torch.equal(model.writing_logits(ids, states), tiny.writing_logits(ids, tiny.image_states(images)))
        assert torch.equal(model.matching_logits(ids, states), tiny.matching_logits(ids, tiny.image_states(images)))
        assert model.text_decoder.bert.embeddings is model.text_encoder.embeddings
    some = dict(tiny.state_dict())
    del some["itm_head.bias"]
    safetensors.torch.save_file(some, path)
    with pytest.raises(InputError, match="does not load as"):
        Blip.from_checkpoint(TINY, path)


def test_an_image_is_seen_and_the_future_is_not(tiny):
    images, ids = torch.randn(2, 3, 32, 32), tiny.tokens.ids(["a dog in a house", "a dog in a house"])
    states = tiny.image_states(images)
    found = tiny.writing_logits(ids, states)
    assert not torch.allclose(found[0], found[1])
    changed = ids.clone()
    changed[:, 4:6] += 7
    later = tiny.writing_logits(changed, states)
    torch.testing.assert_close(later[:, :4], found[:, :4])
    assert not torch.allclose(later[:, 4], found[:, 4])
    matching = tiny.matching_logits(ids, states)
    assert not torch.allclose(matching[0], matching[1])


def test_a_gradient_reaches_every_tensor(tiny):
    model = copy.deepcopy(tiny).train()
    images, ids = torch.randn(2, 3, 32, 32), model.tokens.ids(["a dog", "two cats"])
    states = model.image_states(images)
    cosines = model.image_vectors(states) @ model.text_vectors(ids).T / model.temperature
    whole = cosines.diagonal().sum() + model.matching_logits(ids, states).sum()
    (whole + model.writing_logits(ids, states).logsumexp(2).sum()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_the_sizes_that_come_along_are_models(size):
    model = Blip.from_config(SIZES["blip"][size])
    assert model.image_states(torch.zeros(1, 3, *[model.config.vision_config.image_size] * 2)).shape[0] == 1


def test_a_captioners_folder_has_no_encoder_and_a_matchers_no_decoder(tmp_path):
    captioner = blip_folders.write(tmp_path / "c", "BlipForConditionalGeneration")
    matcher = blip_folders.write(tmp_path / "m", "BlipForImageTextRetrieval")
    writes, matches = Blip.from_folder(str(tmp_path / "c")), Blip.from_folder(str(tmp_path / "m"))
    assert writes.text_encoder is None and matches.text_decoder is None
    assert {n: p.sum() for n, p in writes.named_parameters()} == {n: p.sum() for n, p in captioner.named_parameters()}
    theirs = {n: p.sum() for n, p in matcher.named_parameters()}
    assert {n: p.sum() for n, p in matches.named_parameters() if n != "temperature"} == theirs
    images = blip_folders.pixels(blip_folders.pictures(2))
    ids = torch.tensor([[matches.tokens.start, 9, 7, 3], [matches.tokens.start, 8, 3, 0]])
    with torch.no_grad():
        ours = writes.eval().writing_logits(ids, writes.image_states(images))
        torch.testing.assert_close(ours, captioner(images, ids, attention_mask=(ids != 0).long()).logits)
        ours = matches.eval().matching_logits(ids, matches.image_states(images))
        torch.testing.assert_close(ours, matcher(ids, images, attention_mask=(ids != 0).long()).itm_score)


def test_a_folder_that_lacks_a_layer_or_is_another_model_is_refused(tmp_path):
    blip_folders.write(tmp_path / "c", "BlipForConditionalGeneration")
    path = str(tmp_path / "c/model.safetensors")
    whole = safetensors.torch.load_file(path)
    safetensors.torch.save_file({n: v for n, v in whole.items() if "post_layernorm" not in n}, path)
    with pytest.raises(InputError, match=r"does not load as BLIP.*post_layernorm"):
        Blip.from_folder(str(tmp_path / "c"))
    safetensors.torch.save_file({n: v for n, v in whole.items() if n.startswith("vision")}, path)
    with pytest.raises(InputError, match="neither a BLIP that writes captions nor one that matches"):
        Blip.from_folder(str(tmp_path / "c"))
    (tmp_path / "c/config.json").write_text("{")
    with pytest.raises(InputError, match="not readable as a model config"):
        Blip.from_folder(str(tmp_path / "c"))


def test_a_config_whose_vocabulary_is_not_small_is_refused(tmp_path):
    data = json.loads(Path(TINY).read_text())
    data["text_config"]["vocab_size"] = 60_000
    (tmp_path / "big.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match="a small vocabulary has 517 to 49407"):
        Blip.from_config(str(tmp_path / "big.json"))
    assert transformers.BlipConfig().text_config.vocab_size == 30524
