"""The momentum encoders' latest features, which BLIP contrasts with (arXiv 2201.12086; MoCo's, arXiv 1911.05722)."""

from curate.errors import InputError
from curate.uid import draw_int
from model_training.libraries import torch

SIZE = 57_600
DIM = 256
NOBODY = -1  # the id of a row that was never written


class FeatureQueue(torch.nn.Module):
    """First in, first out: `images` and `texts` (size, dim) float32, `ids` (size,) int64. All of it is state.

    Before the first push the rows are random unit vectors drawn by the seed, as in salesforce/BLIP: negatives of
    nobody. Push what the momentum encoders gave, gathered from every worker, **after** the loss: pushed before it,
    every pair would meet its own copy as a negative.
    """

    images: torch.Tensor
    texts: torch.Tensor
    ids: torch.Tensor
    pointer: torch.Tensor

    def __init__(self, seed: int, size: int = SIZE, dim: int = DIM) -> None:
        super().__init__()
        for name in ("images", "texts"):
            generator = torch.Generator().manual_seed(draw_int(seed, name, "blip.queue"))
            rows = torch.randn(size, dim, generator=generator)
            self.register_buffer(name, torch.nn.functional.normalize(rows, dim=1))
        self.register_buffer("ids", torch.full((size,), NOBODY))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def push(self, images: torch.Tensor, texts: torch.Tensor, ids: torch.Tensor | None = None) -> None:
        """Put images and texts (B, dim), and the ids (B,) of their images where there are any, over the oldest.

        Raises InputError where the queue is not a multiple of B, or an id is below zero.
        """
        size, batch = len(self.images), len(images)
        if batch == 0 or size % batch:
            raise InputError(
                f"a queue of {size} features is no multiple of a batch of {batch}",
                "choose a batch that divides it (2,880 and 2,400 divide 57,600), and leave out the last short batch",
            )
        if ids is not None and bool((ids < 0).any()):
            raise InputError("an image id is below zero", "number the images from 0")
        # By remainder: a batch of another size may begin anywhere.
        at = (self.pointer + torch.arange(batch, device=self.pointer.device)) % size
        self.images[at] = images.to(self.images.dtype)
        self.texts[at] = texts.to(self.texts.dtype)
        self.ids[at] = NOBODY if ids is None else ids
        self.pointer.copy_((self.pointer + batch) % size)
