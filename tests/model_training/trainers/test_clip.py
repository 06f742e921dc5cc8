"""The loss has CLIP's golden numbers and NumPy's gradients; pixels and weights are open_clip's own."""

import json
import math
from importlib.resources import files

import numpy as np
import pytest

from curate.errors import InputError
from curate.images import open_stored
from model_training.data.pixels import Pixels
from model_training.data.views.square import Square
from model_training.libraries import torch
from model_training.models.open_clip import OpenClipSpec, load
from model_training.trainers.clip import Clip
from model_training.trainers.objective import Inputs
from model_training.trainers.plan import Plan
from tests.conftest import picture
from tests.model_training.data.test_pixels import pair
from tests.model_training.trainers.small import SMALL

import open_clip  # isort: skip
import safetensors.torch  # isort: skip

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "small.json"
    path.write_text(json.dumps(SMALL))
    return Clip(Plan(str(path), 8, 8), 0, CPU), path


def clip_loss(similarities, scale):
    logits = scale * np.asarray(similarities, np.float64)
    rows = np.log(np.exp(logits).sum(1)) - np.diag(logits)
    columns = np.log(np.exp(logits).sum(0)) - np.diag(logits)
    return (rows.mean() + columns.mean()) / 2


def loss_of(clip, images, texts, scale):
    """With the model's own scale set to this one."""
    clip.model.logit_scale.data = scale.log()
    return clip.contrast(images, texts)


# RECIPES B1: image features, text features, scale, loss.
EYE = [[1.0, 0.0], [0.0, 1.0]]
SKEW = [[1.0, 0.0], [0.6, 0.8]]  # image features I against these: [[1, .6], [0, .8]]
GOLDEN = [
    (EYE, EYE, 1, 0.313262),
    (EYE, EYE, 1 / 0.07, 6.2487e-7),
    (EYE, SKEW, 1, 0.448879),
    (EYE, SKEW, 10, 0.036365),
    ([[1.0, 0.0]] * 4, [[1.0, 0.0]] * 4, 5, 1.386294),
]


@pytest.mark.parametrize(("images", "texts", "scale", "expected"), GOLDEN)
def test_golden_b1_losses_and_numpys(small, images, texts, scale, expected):
    u, v = (torch.tensor(x, dtype=torch.float64) for x in (images, texts))
    s = torch.tensor(float(scale), dtype=torch.float64)
    assert float(loss_of(small[0], u, v, s)) == pytest.approx(expected, rel=2e-5)
    assert clip_loss(np.asarray(images) @ np.asarray(texts).T, scale) == pytest.approx(expected, rel=2e-5)
    assert float(loss_of(small[0], v, u, s)) == pytest.approx(expected, rel=2e-5)


def test_golden_d4_the_first_loss_is_near_its_closed_form(small):
    """Of independent random embeddings: ln B + s^2 / (2d)."""
    batch, wide, scale = 256, 512, 1 / 0.07
    drawn = torch.Generator().manual_seed(0)
    losses = []
    for _ in range(20):
        u, v = (torch.nn.functional.normalize(torch.randn(batch, wide, generator=drawn), dim=1) for _ in range(2))
        losses.append(float(loss_of(small[0], u, v, torch.tensor(scale))))
    assert math.log(batch) + scale**2 / (2 * wide) == pytest.approx(5.744, abs=1e-3)
    assert np.mean(losses) == pytest.approx(5.744, abs=0.02)


def test_gradients_are_those_of_finite_differences(small):
    rng = np.random.default_rng(0)
    u, v = rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    tensors = [torch.tensor(x, requires_grad=True) for x in (u, v, np.array(2.0))]
    open_clip.ClipLoss()(*tensors).backward()

    def at(changed):
        return clip_loss(changed[0] @ changed[1].T, changed[2])

    for which, base in enumerate((u, v, np.array(2.0))):
        found = np.zeros_like(base)
        for place in np.ndindex(base.shape):
            values = []
            for sign in (1, -1):
                changed = [x.copy() for x in (u, v, np.array(2.0))]
                changed[which][place] += sign * 1e-6
                values.append(at(changed))
            found[place] = (values[0] - values[1]) / 2e-6
        np.testing.assert_allclose(tensors[which].grad.numpy(), found, atol=1e-8)


def test_a_step_is_the_loss_of_open_clips_features(small):
    clip = small[0]
    images = np.stack([Pixels(Square(16)).visit(pair((40, 30), i), 0, "v")[0] for i in range(4)])
    tokens = clip.tokenize([f"thing {i}" for i in range(4)])
    clip.model.eval()
    with torch.no_grad():
        seen = torch.from_numpy(images)
        loss = float(clip.loss(*clip.encode(Inputs((seen,), tokens, ("a", "b", "c", "d"), 0, 4, 0))))
        u, v, scale = (x.double().numpy() for x in clip.model(clip.pixels(seen), tokens).values())
    assert loss == pytest.approx(clip_loss(u @ v.T, scale), rel=1e-5)
    assert scale == pytest.approx(1 / 0.07, rel=1e-6)
    np.testing.assert_allclose(np.linalg.norm(u, axis=1), 1, rtol=1e-5)


def test_pixels_are_what_the_encoder_sees_at_evaluation(small, tmp_path):
    clip, path = small
    safetensors.torch.save_file(clip.model.state_dict(), str(tmp_path / "w.safetensors"))
    model, transform, _ = load(OpenClipSpec("s", str(path), str(tmp_path / "w.safetensors")), "cpu")
    for size in ((40, 30), (31, 57)):
        square = Pixels(Square(16)).visit(pair(size), 0, "v")[0].copy()
        assert torch.equal(
            clip.pixels(torch.from_numpy(square[None]))[0], transform(open_stored(picture(0, size, "PNG")))
        )
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, clip.model.state_dict()[name]), name


def test_initial_weights_follow_the_seed(small):
    def weights(seed):
        torch.manual_seed(99)
        return Clip(Plan(str(small[1]), 8, 8), seed, CPU).model.state_dict()["visual.conv1.weight"]

    assert torch.equal(weights(0), weights(0)) and not torch.equal(weights(0), weights(1))


def test_the_scale_stays_between_1_and_100(small):
    clip = Clip(Plan(str(small[1]), 8, 8), 0, CPU)
    for value, kept in ((5.0, math.log(100)), (-1.0, 0.0), (3.0, 3.0)):
        clip.model.logit_scale.data.fill_(value)
        clip.after_update(0)
        assert clip.model.logit_scale.item() == pytest.approx(kept)
    assert clip.numbers() == {"logit_scale": pytest.approx(math.exp(3.0))}


def test_tiny_is_small_and_needs_no_running_statistics():
    clip = Clip(Plan(str(files("model_training.models") / "tiny.json"), 8, 8), 0, CPU)
    assert clip.side == 32 and clip.tokenize(["a"]).shape == (1, 16)
    assert sum(p.numel() for p in clip.model.parameters()) == 3_332_925
    assert not any("running" in name for name in clip.model.state_dict())


def test_architectures_that_cannot_be_trained_are_refused(tmp_path):
    with pytest.raises(InputError, match="no architecture 'ViT-Z'"):
        Clip(Plan("ViT-Z", 8, 8), 0, CPU)
    for name, change in {"oblong": {"image_size": [16, 32]}, "missing": {"layers": None}}.items():
        config = {**SMALL, "vision_cfg": {**SMALL["vision_cfg"], **change}}
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
        with pytest.raises(InputError, match=name):
            Clip(Plan(str(tmp_path / f"{name}.json"), 8, 8), 0, CPU)
    assert open_clip
