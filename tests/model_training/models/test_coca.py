"""A CoCa's captions beside open_clip's own forward, whatever the batch; what open_clip leaves uninitialised."""

import numpy as np
import pytest
import safetensors.torch

from curate.errors import InputError
from model_training.libraries import torch
from model_training.models.coca import CocaInference, CocaSpec, initialise
from model_training.models.generation import Generation
from model_training.models.open_clip import register
from model_training.models.sizes import SIZES
from tests.model_training.models.blip_folders import pictures

import open_clip  # isort: skip

IMAGES, UIDS = pictures(7), [f"{i:032x}" for i in range(7)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Weights of a tiny CoCa whose image tokens differ enough to be seen in the text, and open_clip's model."""
    torch.manual_seed(0)
    model = open_clip.create_model(register(open_clip, SIZES["coca"]["tiny"]))
    initialise(model)
    path = tmp_path_factory.mktemp("coca") / "tiny.safetensors"
    safetensors.torch.save_file(model.state_dict(), path)
    return path, model.eval()


def inference(path, batch=4, **how):
    return CocaInference(CocaSpec("c", "tiny", str(path), batch=batch, generation=Generation(**{"prompt": "", **how})))


def test_a_caption_depends_on_image_and_uid_alone(made):
    def written(batch, order, **how):
        model = inference(made[0], batch, **how)
        found = model.caption([IMAGES[i] for i in order], [UIDS[i] for i in order])
        return [found[order.index(i)] for i in range(len(order))]

    first = written(1, list(range(7)))
    assert first == written(3, list(range(7))[::-1]) == written(64, [3, 1, 0, 2, 6, 5, 4])
    assert len(set(first)) == 7 and first != written(4, list(range(7)), seed=1)
    beams = written(1, list(range(7)), method="beam")
    assert beams == written(3, list(range(7))[::-1], method="beam") and len(set(beams)) > 3
    assert inference(made[0]).caption([], []) == []


@pytest.mark.parametrize("prompt", ["", "a picture of "])
def test_the_greedy_choice_is_a_plain_loops(made, prompt):
    path, model = made
    words, transform = inference(path)._tokenizer, open_clip.image_transform(32, is_train=False)
    expected = []
    for image in IMAGES[:3]:
        text = [words.sot_token_id, *words.encode(prompt)]
        while len(text) < 20 and text[-1] != words.eot_token_id:
            with torch.no_grad():
                logits = model(transform(image)[None], torch.tensor([text]), output_labels=False)["logits"][0, -1]
            if len(text) < 6:
                logits[words.eot_token_id] = -torch.inf
            text.append(int(logits.argmax()))
        expected.append(words.decode(text).removeprefix(prompt).strip())
    how = {"method": "greedy", "min_length": 6, "max_length": 20, "prompt": prompt}
    assert inference(path, **how).caption(IMAGES[:3], UIDS[:3]) == expected


def test_the_towers_are_open_clips_own_with_the_small_vocabulary(made):
    path, model = made
    encoder = inference(path)
    texts = ["a red dog", "the blue sky"]
    ids = encoder._tokenizer(texts)
    assert int(ids.max()) == 4095 and ids.shape == (2, 32)
    with torch.no_grad():
        theirs = model.encode_text(ids).numpy()
    np.testing.assert_allclose(encoder.encode_texts(texts), theirs, atol=1e-6)
    assert encoder.encode_images(IMAGES).shape == (7, 64)


def test_what_open_clip_leaves_as_it_was_found_is_drawn(made):
    model = open_clip.create_model(register(open_clip, SIZES["coca"]["tiny"]))
    decoder = model.text_decoder
    for value in (torch.nan, 1e30):
        torch.nn.init.constant_(decoder.text_projection, value)
        torch.manual_seed(3)
        initialise(model)
        assert float(decoder.text_projection.detach().std()) == pytest.approx(64**-0.5, rel=0.02)
    first = decoder.text_projection.clone()
    torch.manual_seed(3)
    initialise(model)
    assert torch.equal(first, decoder.text_projection)
    logits = model(torch.randn(2, 3, 32, 32), torch.randint(1, 4096, (2, 32)))["logits"]
    assert bool(logits.isfinite().all()) and logits.shape == (2, 31, 4096)


def test_the_identity_and_what_is_refused(made, tmp_path):
    path = str(made[0])
    specs = [CocaSpec("c", "tiny", path), CocaSpec("c", "small", path)]
    specs.append(CocaSpec("c", "tiny", path, generation=Generation(prompt="a ")))
    assert len({spec.identity for spec in specs}) == 3
    with pytest.raises(InputError, match="has sha256"):
        _ = CocaSpec("c", "tiny", path, sha256="0" * 64).identity
    with pytest.raises(InputError, match="does not load as"):
        CocaInference(specs[1])
    clip = open_clip.create_model(register(open_clip, SIZES["open_clip"]["tiny"]))
    safetensors.torch.save_file(clip.state_dict(), tmp_path / "clip.safetensors")
    with pytest.raises(InputError, match="is no CoCa"):
        CocaInference(CocaSpec("c", SIZES["open_clip"]["tiny"], str(tmp_path / "clip.safetensors")))
    with pytest.raises(InputError, match="max_length 33"):
        inference(path, max_length=33).caption(IMAGES[:1], UIDS[:1])
