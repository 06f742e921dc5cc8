"""DINO's projection head (arXiv 2104.14294, appendix C): an MLP, a bottleneck on the sphere, prototypes on it."""

import math

from model_training.libraries import torch

SPREAD, HIDDEN = 0.02, 2048  # published: the standard deviation of initial weights, and the layers' width


class DinoHead(torch.nn.Module):
    """(..., width) to (..., prototypes) logits: cosines of the bottleneck's output with K directions.

    Three layers with GELU and no batch normalisation, as for a ViT. The last layer is weight-normalised with its
    gain held at 1 (norm_last_layer): without a gain of its own a prototype cannot win by growing.

    Weights of a narrower head start larger, by the root of its width, so that a layer passes on as much of an image
    as the published one does. With .02 in 256 columns each layer would pass on a third of that.
    """

    def __init__(self, width: int, prototypes: int, hidden: int = 2048, bottleneck: int = 256) -> None:
        super().__init__()
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(width, hidden),
            torch.nn.GELU(),
            torch.nn.Linear(hidden, hidden),
            torch.nn.GELU(),
            torch.nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.trunc_normal_(layer.weight, std=SPREAD * math.sqrt(HIDDEN / hidden))
                torch.nn.init.zeros_(layer.bias)
        # Only directions count, and normal coordinates are spread evenly over them.
        self.prototypes = torch.nn.Parameter(torch.randn(prototypes, bottleneck) / bottleneck**0.5)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        inner = torch.nn.functional.normalize(self.mlp(features), dim=-1, eps=1e-6)
        return torch.nn.functional.linear(inner, torch.nn.functional.normalize(self.prototypes, dim=-1))
