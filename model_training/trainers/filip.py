"""FILIP (arXiv 2111.07783): CLIP's loss on the similarity of tokens to their nearest tokens.

That loss alone leaves the pooled features, which are all that a benchmark compares, near where they were drawn: of 24
pairs learned by heart it finds all by their tokens and one by its features. So CLIP's own loss on the features is
added, and then these find 15 to 21; `pooled_weight: 0` is the paper's.
"""

from typing import Any

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.filip import filip_loss, strongest_tokens
from model_training.trainers.clip import Clip
from model_training.trainers.contrastive_options import FilipOptions
from model_training.trainers.gather import gathered, workers
from model_training.trainers.objective import Inputs
from model_training.trainers.options import options_of
from model_training.trainers.plan import Plan


class Filip(Clip):
    """Image tokens are all of the tower's. Text tokens are those after the start and up to the end token, it included.

    The start token is left out because a text tower that sees only what came before gives it the same embedding in
    every text: near to every image's, it would be the one that is kept. Which tokens are kept is decided among
    `chosen_among` pairs of the whole batch and not among a worker's, so the number of workers does not bear on the
    loss. Where it divides their rows, only kept tokens are sent to other workers; else all are, once, to decide.
    Raises InputError for towers whose pooled features are not made of tokens by one projection.
    """

    def __init__(self, plan: Plan, seed: int, device: Any) -> None:
        super().__init__(plan, seed, device)
        self.chosen = options_of(FilipOptions, plan)
        if reason := _not_of_tokens(self.model, self.side):
            raise InputError(
                f"{plan.arch}: {reason}", "filip wants a ViT, or a timm trunk with a pool and a projection"
            )

    def encode(self, inputs: Inputs) -> tuple[Any, ...]:
        """Pooled features (rows, d) of images and texts, tokens (rows, n, d) and (rows, m, d), all of length 1.

        The last, (rows, m) bool, is false for the start and for padding.
        """
        tokens = inputs.tokens
        places = torch.arange(tokens.shape[1], device=tokens.device)
        ends = tokens.argmax(1)  # it has the highest number
        real = (places > 0) & (places <= ends[:, None])
        image, images = of_image(self.model.visual, self.pixels(inputs.views[0]))
        texts = of_text(self.model, tokens)
        text = texts[torch.arange(len(ends), device=ends.device), ends]
        unit = torch.nn.functional.normalize
        return *(unit(features, dim=-1) for features in (image, text, images, texts)), real

    def loss(self, *encoded: Any) -> Any:
        image, text, images, texts, real = encoded
        images, texts, real = self._kept(images.float(), texts.float(), real)
        whole = gathered(real.to(torch.uint8)).bool()
        loss = filip_loss(gathered(images), gathered(texts), whole, self.model.logit_scale.exp())
        if self.chosen.pooled_weight:
            loss = loss + self.chosen.pooled_weight * super().loss(image, text)
        return loss

    def _kept(self, images: Any, texts: Any, real: Any) -> tuple[Any, Any, Any]:
        """The strongest tokens of this worker's rows: (rows, k, d), (rows, l, d), (rows, l) bool."""
        size, rows = self.chosen.chosen_among, len(images)
        first, of_all = 0, (images, texts, real)
        if workers() > 1 and rows % size:
            first = torch.distributed.get_rank() * rows
            with torch.no_grad():
                of_all = gathered(images), gathered(texts), gathered(real.to(torch.uint8)).bool()
        kept = []
        for start in range(first - first % size, first + rows, size):
            mine = slice(max(start - first, 0), start + size - first)
            group = (tensor[start : start + size] for tensor in of_all)
            kept.append(self._strongest((images[mine], texts[mine], real[mine]), *group))
        return tuple(torch.cat(parts) for parts in zip(*kept, strict=True))  # type: ignore[return-value]

    def _strongest(self, rows: tuple[Any, Any, Any], images: Any, texts: Any, real: Any) -> tuple[Any, Any, Any]:
        """Of `rows`, among those of a group that they belong to."""
        share, mine = self.chosen.kept_share, rows[2]
        best, _ = strongest_tokens(rows[0], _every(rows[0]), texts, real, share=share)
        return best, *strongest_tokens(rows[1], mine, images, _every(images), share=share)


def _every(tokens: Any) -> Any:
    return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)


def of_image(tower: Any, pixels: Any) -> tuple[Any, Any]:
    """Features (rows, d) as open_clip's tower gives them, and its tokens (rows, n, d), projected likewise."""
    if hasattr(tower, "trunk"):
        found = tower.trunk.forward_features(pixels)
        return tower.head(tower.trunk.forward_head(found)), tower.head(_in_rows(found))
    found = tower.transformer(tower._embeds(pixels))
    return tower._pool(found)[0] @ tower.proj, tower.ln_post(found) @ tower.proj


def of_text(model: Any, tokens: Any) -> Any:
    """(rows, m, d); the end token's is the text's own."""
    given = model.forward_intermediates(
        text=tokens, text_indices=1, normalize_intermediates=True, intermediates_only=True
    )
    projection = getattr(model, "text", model).text_projection
    (last,) = given["text_intermediates"]
    return projection(last) if isinstance(projection, torch.nn.Linear) else last @ projection


def _in_rows(tokens: Any) -> Any:
    """(rows, n, d) of such, or of a map (rows, d, height, width)."""
    return tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens


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
    found = trunk.forward_features(seen)
    pooled, tokens = trunk.forward_head(found), _in_rows(found)
    trunk.train(training)
    if tokens.ndim != 3 or pooled.shape != tokens[:, 0].shape:
        return False
    prefix = getattr(trunk, "num_prefix_tokens", 0)
    candidates = (tokens[:, 0], tokens.mean(1), tokens[:, prefix:].mean(1))
    return any(torch.allclose(pooled, candidate, atol=1e-5) for candidate in candidates)
