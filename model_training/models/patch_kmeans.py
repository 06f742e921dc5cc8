"""A single layer of patch filters found by k-means, without labels, captions or gradients (Coates, Lee and Ng, AISTATS
2011; spherical k-means and the soft threshold as in Coates and Ng, "Learning feature representations with k-means",
2012).

For some thousand small pictures, of which a deep image tower learns little in minutes, and nothing good of captions
that are mostly wrong. A patch is brought to mean 0 and variance 1 and whitened (ZCA), and says how far it goes beyond
1 in the direction of each centroid. What quarters of the image say is averaged, its root taken and standardised, of
the image and its mirror image, whose mean it is. As a timm model, `patch_kmeans`, it is a tower of open_clip's; lock it
(LiT), or it is trained on as a small convolution.

    python -m model_training.models.patch_kmeans POOL.parquet patches.safetensors [seed]
"""

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import safetensors.torch
from PIL.Image import Image

from curate.uid import draw_int
from model_training.data.views.square import Square
from model_training.evaluation.items import read_items
from model_training.libraries import torch

from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD  # isort: skip
from timm.models import register_model  # isort: skip

SIDE, PATCH, CENTROIDS, GRID = 32, 6, 400, 2  # px, px, and so many parts of a side
PATCHES, ITERATIONS, STANDARDISED = 60_000, 12, 2_000  # drawn; of k-means; images
CONTRAST, WHITENING, THRESHOLD = 2e-3, 0.1, 1.0  # added to a patch's variance, to eigenvalues; of the activation
ROWS = 64
SETTINGS = {
    "input_size": (3, SIDE, SIDE),
    "interpolation": "bicubic",
    "crop_pct": 1.0,
    "mean": OPENAI_DATASET_MEAN,
    "std": OPENAI_DATASET_STD,
    "classifier": (),
}


class PatchKMeans(torch.nn.Module):
    """(n, 3, side, side) to (n, centroids * grid**2), of length near 1. Built without use: `fit` makes its weights."""

    def __init__(self, centroids: int = CENTROIDS, grid: int = GRID, **_: Any) -> None:
        super().__init__()
        self.num_features = self.head_hidden_size = centroids * grid**2
        self.grid = grid
        self.pretrained_cfg = self.default_cfg = dict(SETTINGS)
        self.filters: Any = torch.nn.Conv2d(3, centroids, PATCH)
        self.mean: Any
        self.std: Any
        self.register_buffer("mean", torch.zeros(self.num_features))
        self.register_buffer("std", torch.ones(self.num_features))

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """As timm's models have it; there is none."""

    def forward_features(self, x: Any) -> Any:
        """(n, centroids, h, w): how far each patch goes beyond the threshold in each direction."""
        pool = torch.nn.functional.avg_pool2d
        squares, means = pool(x.square().mean(1, keepdim=True), PATCH, 1), pool(x.mean(1, keepdim=True), PATCH, 1)
        deviation = (squares - means.square()).clamp(min=0).add(CONTRAST).sqrt()
        shift = (self.filters.bias - THRESHOLD).view(1, -1, 1, 1)
        # In place: what is one pass over memory takes as long as the sums.
        return torch.nn.functional.conv2d(x, self.filters.weight).div_(deviation).add_(shift).relu_()

    def forward_head(self, x: Any, pre_logits: bool = False) -> Any:
        parts = torch.nn.functional.adaptive_avg_pool2d(x, self.grid).flatten(1).sqrt()
        return (parts - self.mean) / (self.std * self.num_features**0.5)

    def forward(self, x: Any) -> Any:
        """Of the image and its mirror image, so that a linear reading need not learn both."""
        return (self._one_way(x) + self._one_way(x.flip(3))) / 2

    def _one_way(self, x: Any) -> Any:
        return self.forward_head(self.forward_features(x))


@register_model
def patch_kmeans(pretrained: bool = False, **given: Any) -> PatchKMeans:
    return PatchKMeans(**{key: value for key, value in given.items() if key in ("centroids", "grid")})


def pixels_of(images: Iterable[Image]) -> Any:
    """(n, 3, side, side) float32, as the model's own transform makes them."""
    square = Square(SIDE)
    stacked = np.stack([np.asarray(square.kept(image.convert("RGB"))) for image in images])
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD))
    return (torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 255 - mean) / std


def fit(pixels: Any, seed: int = 0, *, centroids: int = CENTROIDS, patches: int = PATCHES) -> PatchKMeans:
    """The layer of these images: (n, 3, side, side) float32, as `pixels_of` makes them; `patches` are drawn of them.

    ValueError for no images.
    """
    if not len(pixels):
        raise ValueError("no images to find patches in")
    source = np.random.Generator(np.random.PCG64(draw_int(seed, "", "patches")))
    drawn = _patches(pixels.numpy(), patches, source)
    centre = drawn.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(drawn.T))
    whitening = ((vectors / np.sqrt(values + WHITENING)) @ vectors.T).astype(np.float32)
    found = spherical_kmeans((drawn - centre) @ whitening, centroids, source) @ whitening
    model: Any = PatchKMeans(centroids)
    with torch.no_grad():
        # A patch's own mean is taken away by the filters, which then do not see it.
        balanced = found - found.mean(axis=1, keepdims=True)
        model.filters.weight.copy_(torch.from_numpy(balanced).view(centroids, 3, PATCH, PATCH))
        model.filters.bias.copy_(torch.from_numpy(-(found @ centre)))
        some = source.permutation(len(pixels))[:STANDARDISED]
        seen = torch.cat([model._one_way(pixels[some[at : at + ROWS]]) for at in range(0, len(some), ROWS)])
        seen *= model.num_features**0.5
        model.mean.copy_(seen.mean(0))
        model.std.copy_(seen.std(0, correction=0).clamp(min=1e-3))
    model.eval()
    return model


def _patches(pixels: np.ndarray, count: int, source: np.random.Generator) -> np.ndarray:
    """(count, 3 * PATCH**2) float32, each of mean 0 and variance near 1."""
    corners = source.integers(0, SIDE - PATCH + 1, (count, 2))
    chosen = source.integers(0, len(pixels), count)
    drawn = np.stack(
        [pixels[i, :, y : y + PATCH, x : x + PATCH].ravel() for i, (y, x) in zip(chosen, corners, strict=True)]
    )
    drawn -= drawn.mean(axis=1, keepdims=True)
    drawn /= np.sqrt(drawn.var(axis=1, keepdims=True) + CONTRAST)
    return drawn


def spherical_kmeans(points: np.ndarray, count: int, source: np.random.Generator) -> np.ndarray:
    """Directions, (count, d) float32 of length 1, each the sum of the points that lie nearest along it, either way."""
    found = source.standard_normal((count, points.shape[1])).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    rows = np.arange(len(points))
    for _ in range(ITERATIONS):
        along = points @ found.T
        nearest = np.abs(along).argmax(axis=1)
        # Damped: the old direction is added, so that one without points stays.
        np.add.at(found, nearest, along[rows, nearest][:, None] * points)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def write(table: str, weights: str, seed: int = 0, patches: int = PATCHES) -> None:
    """From an image table or a tar of images to a .safetensors file. InputError for what cannot be read."""
    pixels = pixels_of(item.rgb() for item in read_items([table]))
    safetensors.torch.save_file(fit(pixels, seed, patches=patches).state_dict(), weights)


if __name__ == "__main__":
    torch.set_num_threads(1)
    write(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:4]))
