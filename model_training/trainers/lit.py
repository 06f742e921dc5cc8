"""LiT (arXiv 2111.07991): CLIP's loss, where a pre-trained image tower is locked and only the text tower learns.

A locked tower answers as in evaluation and gives an image the same embedding each time, so where no crop is drawn
embeddings are kept, by the pixels that the tower was shown.
"""

import hashlib
from typing import Any

from curate.errors import InputError
from model_training.libraries import torch
from model_training.trainers.clip import Clip
from model_training.trainers.contrastive_options import LitOptions
from model_training.trainers.objective import Inputs
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan

KEPT_BYTES = 1 << 28  # of embeddings, on the device
ROWS = 64  # of a forward pass whose embeddings are kept: always as many, so that none depends on its neighbours


class Lit(Clip):
    """What came from the plan's initial weights is locked, but for the image tower's projection on request.

    Of a timm checkpoint the trunk is, and the projection after it, which such a file does not hold, is learned.
    Raises InputError without initial weights of an image tower, and where a tower's projection cannot be told from it.
    """

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        if plan.init is None or plan.init_part == "text":
            raise InputError("lit locks an image tower that it does not train", "set train.init, of all or the image")
        super().__init__(plan, seed, device)
        options = options_of(LitOptions, plan)
        tower = self.model.visual
        trunk_alone = any(f"visual.{name}" not in self.loaded for name, _ in tower.named_parameters())
        self.learns_projection = options.learn_projection or trunk_alone
        tower.requires_grad_(False)
        if self.learns_projection:
            for parameter in _projection(tower, plan.arch):
                parameter.requires_grad_(True)
        self.keeps = options.keep_embeddings and plan.crop_area == 1
        self._kept: dict[bytes, Any] = {}

    def train(self, mode: bool = True) -> "Lit":
        """Batch normalisation's statistics move in every forward pass of a module that is training; dropout drops."""
        super().train(mode)
        self.model.visual.eval()
        return self

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        images, tower = self.embedded(inputs.views[0]), self.model.visual
        if self.learns_projection:
            images = tower.head(images) if hasattr(tower, "trunk") else images @ tower.proj
        return torch.nn.functional.normalize(images, dim=-1), self.model.encode_text(inputs.tokens, normalize=True)

    @torch.compiler.disable
    @torch.no_grad()
    def embedded(self, view: Any) -> Any:
        """(rows, d) float32 of (rows, side, side, 3) uint8, by all of the tower that is locked."""
        if not self.keeps:
            return self._locked(view)
        names = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in view.cpu().numpy()]
        new = list({name: row for row, name in enumerate(names) if name not in self._kept}.values())
        found: dict[bytes, Any] = {}
        for at in range(0, len(new), ROWS):
            rows = new[at : at + ROWS]
            padded = view[rows + rows[:1] * (ROWS - len(rows))]
            found.update(zip((names[row] for row in rows), self._locked(padded), strict=False))
        for name, embedding in found.items():
            if len(self._kept) * embedding.nbytes < KEPT_BYTES:
                self._kept[name] = embedding.clone()
        return torch.stack([self._kept[name] if name in self._kept else found[name] for name in names])

    def _locked(self, view: Any) -> Any:
        tower, pixels = self.model.visual, self.pixels(view)
        if not self.learns_projection:
            return tower(pixels).float()
        if hasattr(tower, "trunk"):
            return tower.trunk(pixels).float()
        return tower._pool(tower.transformer(tower._embeds(pixels)))[0].float()


def _projection(tower: Any, arch: str) -> list[Any]:
    """The last layer's parameters, which follow on pooled features."""
    if hasattr(tower, "trunk"):
        return list(tower.head.parameters())
    if hasattr(tower, "_pool") and tower.proj is not None:
        return [tower.proj]
    raise InputError(f"{arch}: its image tower has no projection of its own", "leave out options.learn_projection")
