"""FILIP (arXiv 2111.07783): CLIP's loss on the similarity of tokens to their nearest tokens.

The model that is written is open_clip's, whose features are those of one token: FILIP's own similarity is
losses/filip.py's, and a benchmark on the features understates it.
"""

from typing import Any

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.filip import filip_loss, strongest_tokens
from model_training.trainers.contrastive import Contrastive
from model_training.trainers.contrastive_options import FilipOptions
from model_training.trainers.gather import gathered
from model_training.trainers.objective import Inputs
from model_training.trainers.plan import Plan


class Filip(Contrastive):
    """Image tokens are the patches and the class token; text tokens those up to the end token, it included.

    Which tokens are sent to other workers is decided among `chosen_among` pairs and not among a worker's, so the
    number of workers does not bear on the loss where it divides their rows.
    Raises InputError for towers whose pooled features are not made of tokens by one projection.
    """

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.chosen = FilipOptions(**self.options)
        if reason := _not_of_tokens(self.model, self.side):
            raise InputError(f"{plan.arch}: {reason}", "filip wants a ViT, or a timm trunk with a pool and a projection")

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """Image tokens (rows, n, d), text tokens (rows, m, d), each of length 1; (rows, m) bool, false for padding."""
        tokens = inputs.tokens
        ends = tokens.argmax(1, keepdim=True)  # the end token has the highest number
        places = torch.arange(tokens.shape[1], device=tokens.device)
        real = (0 < places) & (places <= ends)
        images = image_tokens(self.model.visual, self.pixels(inputs.views[0]))
        unit = torch.nn.functional.normalize
        return unit(images, dim=-1), unit(text_tokens(self.model, tokens), dim=-1), real

    def loss(self, *encoded: Any) -> Any:
        images, texts, real = encoded
        kept = [self._strongest(*part) for part in self._groups(images.float(), texts.float(), real)]
        images, texts, real = (torch.cat(parts) for parts in zip(*kept, strict=True))
        whole = gathered(real.to(torch.uint8)).bool()
        return filip_loss(gathered(images), gathered(texts), whole, self.model.logit_scale.exp())

    def _groups(self, *tensors: Any) -> list[tuple[Any, ...]]:
        return list(zip(*(tensor.split(self.chosen.chosen_among) for tensor in tensors), strict=True))

    def _strongest(self, images: Any, texts: Any, real: Any) -> tuple[Any, Any, Any]:
        share, all_real = self.chosen.kept_share, torch.ones(images.shape[:2], dtype=torch.bool, device=images.device)
        best, _ = strongest_tokens(images, all_real, texts, real, share=share)
        return best, *strongest_tokens(texts, real, images, all_real, share=share)


def image_tokens(tower: Any, pixels: Any) -> Any:
    """(rows, n, d) of open_clip's tower, projected as its pooled features are."""
    if hasattr(tower, "trunk"):
        found = tower.trunk.forward_features(pixels)
        return tower.head(found.flatten(2).transpose(1, 2) if found.ndim == 4 else found)
    return tower.ln_post(tower.transformer(tower._embeds(pixels))) @ tower.proj


def text_tokens(model: Any, tokens: Any) -> Any:
    """(rows, m, d), likewise."""
    given = model.forward_intermediates(
        text=tokens, text_indices=1, normalize_intermediates=True, intermediates_only=True
    )
    projection = getattr(model, "text", model).text_projection
    (last,) = given["text_intermediates"]
    return projection(last) if isinstance(projection, torch.nn.Linear) else last @ projection


def _not_of_tokens(model: Any, side: int) -> str | None:
    tower, text = model.visual, getattr(model, "text", model)
    if getattr(text, "pool_type", getattr(text, "text_pool_type", None)) != "argmax":
        return "its text tower does not end with the end token"
    if getattr(text, "cls_emb", None) is not None or text.text_projection is None:
        return "its text tower has a class token, or no projection"
    if hasattr(tower, "trunk"):
        return None if _only_pools(tower.trunk, side) else "its trunk does more to its tokens than to pool them"
    if getattr(tower, "proj", None) is None or getattr(tower, "attn_pool", None) is not None:
        return "its image tower pools by attention, or has no projection"
    return None


@torch.no_grad()
def _only_pools(trunk: Any, side: int) -> bool:
    """Whether a timm trunk's output is the first, or the mean, of its tokens."""
    training = trunk.training
    trunk.eval()
    seen = torch.linspace(-1, 1, 3 * side * side, device=next(trunk.parameters()).device).view(1, 3, side, side)
    tokens = trunk.forward_features(seen)
    pooled = trunk.forward_head(tokens)
    tokens = tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens
    trunk.train(training)
    if tokens.ndim != 3 or pooled.shape != tokens[:, 0].shape:
        return False
    prefix = getattr(trunk, "num_prefix_tokens", 0)
    candidates = (tokens[:, 0], tokens.mean(1), tokens[:, prefix:].mean(1))
    return any(torch.allclose(pooled, candidate, atol=1e-5) for candidate in candidates)
