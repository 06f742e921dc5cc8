"""Captions, matching and vectors of a BLIP, beside transformers' own forward and `generate`."""

import json
import shutil
import socket

import numpy as np
import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.blip import Blip
from model_training.models.blip_inference import BlipInference
from model_training.models.blip_spec import BlipCaptionerSpec, BlipEncoderSpec, BlipMatcherSpec, BlipSpec
from model_training.models.generation import Generation
from model_training.models.sizes import SIZES
from tests.model_training.models import blip_folders

import transformers  # isort: skip

IMAGES = blip_folders.pictures(7)
TEXTS = ["A red dog!", "a cat in the house", "Blue (SKY)", "the", "photo of a tree", "x ~ y", "a " * 60]
CLEAN = ["a red dog", "a cat in the house", "blue sky", "the", "photo of a tree", "x y", ("a " * 60).strip()]
UIDS = [f"{i:032x}" for i in range(7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A captioner's folder, a matcher's and a file of ours; transformers' own models of the folders."""
    at = tmp_path_factory.mktemp("blip")
    captioner = blip_folders.write(at / "captioner", "BlipForConditionalGeneration")
    matcher = blip_folders.write(at / "matcher", "BlipForImageTextRetrieval", seed=1)
    torch.manual_seed(0)
    safetensors.torch.save_file(Blip.from_config(SIZES["blip"]["tiny"]).state_dict(), str(at / "tiny.safetensors"))
    return at, captioner, matcher


def captioner(at, batch=4, **changes):
    return BlipInference(
        BlipCaptionerSpec("c", "", str(at / "captioner"), batch=batch, generation=Generation(**changes))
    )


def matcher(at, **changes):
    return BlipInference(BlipMatcherSpec("m", "", str(at / "matcher"), batch=4, **changes))


def tokens(at):
    own = transformers.AutoTokenizer.from_pretrained(at / "matcher")
    return own(CLEAN, padding=True, truncation=True, max_length=35, return_tensors="pt")


@pytest.mark.parametrize("first_token", ["encode", "start"])
def test_the_probability_is_transformers_own_and_the_first_token_is_a_choice(folder, first_token):
    at, _, theirs = folder
    given = tokens(at)
    if first_token == "encode":
        given.input_ids[:, 0] = theirs.config.text_config.vocab_size - 1  # [ENC], the last one
    with torch.no_grad():
        logits = theirs(given.input_ids, blip_folders.pixels(IMAGES), attention_mask=given.attention_mask).itm_score
    found = matcher(at, first_token=first_token).match(IMAGES, TEXTS)
    np.testing.assert_allclose(found, logits.softmax(1)[:, 1].numpy(), atol=1e-5)
    assert found.dtype == np.float32 and found.std() > 0.01


def test_the_cosine_is_transformers_own(folder):
    at, _, theirs = folder
    encoder = BlipInference(BlipEncoderSpec("e", "", str(at / "matcher"), batch=4))
    given = tokens(at)
    with torch.no_grad():
        cosines = theirs(
            given.input_ids, blip_folders.pixels(IMAGES), attention_mask=given.attention_mask, use_itm_head=False
        ).itm_score
    found = encoder.encode_images(IMAGES) @ encoder.encode_texts(TEXTS).T
    np.testing.assert_allclose(found, cosines.numpy(), atol=1e-5)
    assert encoder.encode_images([]).shape == (0, encoder.width) == encoder.encode_texts([]).shape


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("penalty", [1.0, 1.5])
def test_greedy_and_beam_search_are_transformers_own(folder, beams, penalty):
    at, theirs, _ = folder
    own = transformers.AutoTokenizer.from_pretrained(at / "captioner")
    prompt = own(["a picture of "] * 7, return_tensors="pt").input_ids
    pixels = blip_folders.pixels(IMAGES)
    settings = {"min_length": 10, "max_length": 30, "repetition_penalty": penalty, "do_sample": False}
    rows = theirs.generate(pixels, prompt, num_beams=beams, **settings)
    expected = [own.decode(row, skip_special_tokens=True).removeprefix("a picture of").strip() for row in rows]
    method = "beam" if beams > 1 else "greedy"
    ours = captioner(at, method=method, beams=beams, repetition_penalty=penalty).caption(IMAGES, UIDS)
    assert ours == expected and len(set(ours)) > 3


def test_a_beam_search_stops_where_transformers_does(folder, tmp_path):
    """A captioner that likes to end: which texts are still worth going on with decides."""
    model = blip_folders.write(tmp_path / "ends", "BlipForConditionalGeneration", seed=2)
    with torch.no_grad():
        model.text_decoder.cls.predictions.bias[3] += 4
    model.save_pretrained(tmp_path / "ends")
    images = blip_folders.pictures(24, seed=3)
    own = transformers.AutoTokenizer.from_pretrained(tmp_path / "ends")
    prompt = own(["a picture of "] * len(images), return_tensors="pt").input_ids
    for beams in (2, 4):
        how = Generation("beam", min_length=5, max_length=24, beams=beams)
        rows = model.generate(blip_folders.pixels(images), prompt, num_beams=beams, min_length=5, max_length=24)
        expected = [own.decode(row, skip_special_tokens=True).removeprefix("a picture of").strip() for row in rows]
        ours = BlipInference(BlipCaptionerSpec("c", "", str(tmp_path / "ends"), generation=how))
        found = ours.caption(images, [""] * len(images))
        assert found == expected and len({len(text.split()) for text in found}) > 3


@pytest.mark.parametrize("weights", ["captioner", "tiny.safetensors"])
def test_a_caption_depends_on_image_and_uid_alone(folder, weights):
    at, arch = folder[0], "tiny" if weights.startswith("tiny") else ""

    def written(batch, order, seed=0):
        spec = BlipCaptionerSpec("c", arch, str(at / weights), batch=batch, generation=Generation(seed=seed))
        found = BlipInference(spec).caption([IMAGES[i] for i in order], [UIDS[i] for i in order])
        return [found[order.index(i)] for i in range(len(order))]

    first = written(1, list(range(7)))
    assert first == written(3, list(range(7))[::-1]) == written(64, [3, 1, 0, 2, 6, 5, 4])
    assert len(set(first)) == 7 and first != written(3, list(range(7)), seed=1)
    again = captioner(at) if not arch else BlipInference(BlipSpec("b", arch, str(at / weights)))
    assert len(set(again.caption([IMAGES[0]] * 7, UIDS))) > 3  # of one image, by uid
    assert again.caption([], []) == []


def test_a_probability_does_not_depend_on_its_neighbours(folder):
    model = matcher(folder[0])
    together = model.match(IMAGES, TEXTS)
    alone = np.concatenate([model.match([image], [text]) for image, text in zip(IMAGES, TEXTS, strict=True)])
    assert np.array_equal(together, alone) and model.match([], []).shape == (0,)


def test_the_identity_covers_config_tokenizer_weights_and_use(folder, tmp_path):
    at = folder[0]
    found = {BlipCaptionerSpec("c", "", str(at / "captioner")).identity}
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        copy = tmp_path / name
        shutil.copytree(at / "captioner", copy)
        (copy / name).write_bytes((copy / name).read_bytes() + b" ")
        found.add(BlipCaptionerSpec("c", "", str(copy)).identity)
    found.add(BlipCaptionerSpec("c", "", str(at / "captioner"), generation=Generation(seed=1)).identity)
    found.add(BlipMatcherSpec("c", "", str(at / "captioner")).identity)
    found.add(BlipMatcherSpec("c", "", str(at / "captioner"), first_token="start").identity)
    assert len(found) == 7
    assert BlipCaptionerSpec("other", "", str(at / "captioner"), batch=7).identity in found


def test_what_is_missing_wrong_or_dangerous_is_refused(folder, tmp_path):
    at = folder[0]
    with pytest.raises(InputError, match=r"has sha256 .* not 000"):
        _ = BlipCaptionerSpec("c", "", str(at / "captioner"), sha256="0" * 64).identity
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    shutil.copy(at / "captioner/config.json", pickled)
    (pickled / "pytorch_model.bin").write_bytes(b"a pickle")
    for look in (lambda spec: spec.identity, BlipInference):
        with pytest.raises(InputError, match=r"has only pytorch_model.bin, which can run code(.|\n)*save_pretrained"):
            look(BlipCaptionerSpec("c", "", str(pickled)))
    with pytest.raises(InputError, match="its architecture must be said"):
        _ = BlipCaptionerSpec("c", "", str(at / "tiny.safetensors")).identity
    with pytest.raises(InputError, match=r"not a \.safetensors file; other formats can run code"):
        _ = BlipCaptionerSpec("c", "tiny", str(pickled / "pytorch_model.bin")).identity
    with pytest.raises(InputError, match="has no text decoder: it cannot write captions"):
        BlipInference(BlipCaptionerSpec("c", "", str(at / "matcher")))
    with pytest.raises(InputError, match="has no text encoder: it cannot compare"):
        BlipInference(BlipMatcherSpec("m", "", str(at / "captioner")))
    with pytest.raises(InputError, match="max_length 60, with a prompt of 4 tokens and 40 places"):
        captioner(at, max_length=60).caption(IMAGES, UIDS)


def test_a_vocabulary_without_an_encode_token_says_so(folder, tmp_path):
    size = folder[2].config.text_config.vocab_size
    blip_folders.write(tmp_path / "plain", "BlipForImageTextRetrieval", vocab_size=size - 1)
    with pytest.raises(InputError, match=r"no encode token(.|\n)*first_token: start"):
        BlipInference(BlipMatcherSpec("m", "", str(tmp_path / "plain"))).match(IMAGES, TEXTS)
    plain = BlipInference(BlipMatcherSpec("m", "", str(tmp_path / "plain"), first_token="start"))
    assert plain.match(IMAGES, TEXTS).shape == (7,)


def test_code_beside_the_weights_is_never_run(folder, tmp_path):
    shutil.copytree(folder[0] / "captioner", tmp_path / "evil")
    (tmp_path / "evil/evil.py").write_text("raise SystemExit('ran')\n")
    for name, entry in (("config.json", "AutoModel"), ("tokenizer_config.json", "AutoTokenizer")):
        path = tmp_path / "evil" / name
        value = ["evil.Evil", None] if entry == "AutoTokenizer" else "evil.Evil"
        path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": {entry: value}}))
    spec = BlipCaptionerSpec("c", "", str(tmp_path / "evil"))
    assert BlipInference(spec).caption(IMAGES[:1], UIDS[:1])


def test_nothing_is_fetched_without_being_allowed(folder, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for spec in (BlipCaptionerSpec, BlipMatcherSpec, BlipEncoderSpec):
        hub = spec("c", "", "Salesforce/blip-image-captioning-base")
        for look in (lambda one: one.identity, BlipInference):
            with pytest.raises(InputError, match=r"there is no (file|folder) Salesforce(.|\n)*allow_download: true"):
                look(hub)
    captioner(folder[0]).caption(IMAGES[:1], UIDS[:1])  # a folder asks nobody either
    with pytest.raises((AssertionError, InputError), match=r"a connection|outgoing traffic"):  # allowed, it is tried
        BlipInference(BlipCaptionerSpec("c", "", "Salesforce/blip-image-captioning-base", allow_download=True))
