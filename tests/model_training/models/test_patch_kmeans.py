"""Patch filters from k-means: the layer against its definition in numpy, and as a locked tower of a CLIP."""

import io
import json

import numpy as np
import polars as pl
import pytest
import safetensors.torch
from PIL import Image

from model_training.libraries import torch
from model_training.models import patch_kmeans as layer
from model_training.models.open_clip import OpenClipEncoder, OpenClipSpec
from model_training.models.timm import TimmEncoder, TimmSpec
from model_training.models.weights import Weights
from model_training.trainers.lit import Lit
from model_training.trainers.loop import train
from model_training.trainers.plan import Plan
from tests.model_training.trainers import held
from tests.model_training.trainers.small import job

SMALL = layer.__file__.replace(".py", ".json")
FEW = 3_000  # patches


def drawn(count=24, seed=0):
    """Pictures of blocks, so that patches have edges."""
    source = np.random.default_rng(seed)
    blocks = source.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    return [Image.fromarray(np.clip(b + source.integers(-9, 10, b.shape), 0, 255).astype(np.uint8)) for b in blocks]


@pytest.fixture(scope="module")
def fitted():
    images = drawn()
    return images, layer.fit(layer.pixels_of(images), 3, patches=FEW)


def by_definition(model, pixels):
    """(features,) of one image, patch by patch, in float64."""
    weight, bias = (t.detach().double().numpy() for t in (model.filters.weight, model.filters.bias))
    side = layer.SIDE - layer.PATCH + 1
    said = np.zeros((len(weight), side, side))
    for y in range(side):
        for x in range(side):
            patch = pixels[:, y : y + layer.PATCH, x : x + layer.PATCH].double().numpy()
            patch = (patch - patch.mean()) / np.sqrt(patch.var() + layer.CONTRAST)
            said[:, y, x] = np.maximum((weight * patch).sum((1, 2, 3)) + bias - 1, 0)
    halves = slice(0, (side + 1) // 2), slice(side // 2, side)
    pooled = [said[:, a, b].mean((1, 2)) for a in halves for b in halves]
    root = np.sqrt(np.stack(pooled, 1).ravel())
    mean, std = model.mean.double().numpy(), model.std.double().numpy()
    return (root - mean) / std / np.sqrt(len(root))


def test_an_image_says_what_the_definition_says(fitted):
    images, model = fitted
    pixels = layer.pixels_of(images[:2])
    with torch.no_grad():
        found = model(pixels).double().numpy()
    assert found.shape == (2, model.num_features) == (2, 1600)
    for row in range(2):
        both = [by_definition(model, image) for image in (pixels[row], pixels[row].flip(2))]
        np.testing.assert_allclose(found[row], np.mean(both, axis=0), atol=2e-4)
    with torch.no_grad():
        np.testing.assert_allclose(model(pixels.flip(3)), found, atol=1e-6)


def test_brightness_and_contrast_of_a_picture_hardly_matter(fitted):
    _, model = fitted
    pixels = layer.pixels_of(drawn(4, 7))
    with torch.no_grad():
        one, other = model(pixels), model(pixels * 0.6 + 0.3)
    assert torch.nn.functional.cosine_similarity(one, other).min() > 0.98


def test_features_of_the_images_it_is_made_of_are_standard(fitted):
    images, model = fitted
    with torch.no_grad():
        seen = model._one_way(layer.pixels_of(images)).double() * model.num_features**0.5
    live = model.std > 1e-3
    assert live.float().mean() > 0.5
    assert seen.mean(0)[live].abs().max() < 1e-3
    np.testing.assert_allclose(seen.std(0, correction=0)[live], 1, atol=1e-2)


def test_the_seed_says_the_filters(fitted):
    images, model = fitted
    again, other = (layer.fit(layer.pixels_of(images), seed, patches=FEW) for seed in (3, 4))
    assert torch.equal(again.filters.weight, model.filters.weight)
    assert not torch.allclose(other.filters.weight, model.filters.weight)
    with pytest.raises(ValueError, match="no images"):
        layer.fit(torch.zeros(0, 3, 32, 32))


def test_kmeans_finds_the_directions_that_points_lie_along():
    source = np.random.default_rng(0)
    axes = np.eye(8, dtype=np.float32)[:5]
    points = axes[source.integers(0, 5, 2000)] * source.choice([-3, 3], (2000, 1)) + source.normal(0, 0.1, (2000, 8))
    found = layer.spherical_kmeans(points.astype(np.float32), 40, source)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (np.abs(found @ axes.T).max(axis=0) > 0.99).all()


def test_as_a_locked_tower_it_stays_what_it_was_and_only_what_follows_learns(tmp_path, fitted):
    images, model = fitted
    file = tmp_path / "patches.safetensors"
    safetensors.torch.save_file(model.state_dict(), file)
    init = Weights("init", SMALL, str(file))
    plan = Plan(SMALL, 16, 8, objective="lit", init=init, init_part="image")
    objective = Lit(plan, 0, held.CPU)
    learned = {name for name, p in objective.model.visual.named_parameters() if p.requires_grad}
    assert learned == {"head.proj.weight"}
    given = job(tmp_path, arch=SMALL, objective="lit", init=init, init_part="image", samples_seen=16)
    train(given)
    written = safetensors.torch.load_file(tmp_path / "run" / "train" / "0" / "checkpoint.safetensors")
    for name, tensor in model.state_dict().items():
        assert torch.equal(written[f"visual.trunk.{name}"], tensor)
    spec = OpenClipSpec("clip", SMALL, str(tmp_path / "run" / "train" / "0" / "checkpoint.safetensors"))
    vectors = OpenClipEncoder(spec).encode_images(images[:3])
    assert vectors.shape == (3, 64)


def test_it_embeds_as_a_timm_model_does(tmp_path, fitted):
    images, model = fitted
    file, config = tmp_path / "patches.safetensors", tmp_path / "patches.json"
    safetensors.torch.save_file(model.state_dict(), file)
    config.write_text(json.dumps({"architecture": "patch_kmeans"}))
    vectors = TimmEncoder(TimmSpec("patches", str(config), str(file))).encode_images(images[:4])
    with torch.no_grad():
        expected = torch.nn.functional.normalize(model(layer.pixels_of(images[:4])), dim=-1)
    np.testing.assert_allclose(vectors, expected, atol=2e-3)


def test_a_table_of_images_becomes_weights(tmp_path):
    rows = []
    for image in drawn(6):
        image.save(data := io.BytesIO(), "PNG")
        rows.append(data.getvalue())
    pl.DataFrame({"jpg": rows, "caption": [""] * 6}).write_parquet(tmp_path / "pool.parquet")
    layer.write(str(tmp_path / "pool.parquet"), str(tmp_path / "made.safetensors"), 0, 500)
    made = safetensors.torch.load_file(tmp_path / "made.safetensors")
    assert made["filters.weight"].shape == (400, 3, 6, 6) and made["std"].shape == (1600,)
