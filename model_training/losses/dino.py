"""DINO: self-distillation with no labels (Caron et al., arXiv 2104.14294).

A student that sees every view of an image learns what a teacher says of the global views. The teacher's answer is
centred, against one prototype winning everywhere, and sharpened, against all prototypes being equal.
"""

from collections.abc import Sequence

from curate.errors import InputError
from model_training.libraries import torch
from model_training.losses.all_reduce import Reduce, all_reduce


class Centre(torch.nn.Module):
    """The teacher's probabilities of K prototypes, softmax((g - C) / temperature), and the running centre C.

    C is subtracted, and is what earlier batches left: this batch moves it after its own use, C <- momentum C +
    (1 - momentum) mean, where the mean is over all rows of all workers, however many each has. `forward` does both,
    so that the order cannot be mistaken; in eval mode it leaves C alone. C is a float32 buffer, saved with the rest.
    iBOT's patches want a Centre of their own.
    """

    centre: torch.Tensor

    def __init__(self, prototypes: int, momentum: float = 0.9, reduce: Reduce = all_reduce) -> None:
        super().__init__()
        self.momentum = momentum
        self._reduce = reduce
        self.register_buffer("centre", torch.zeros(prototypes))

    @torch.no_grad()
    def forward(self, logits: torch.Tensor, temperature: float) -> torch.Tensor:
        """(..., K) logits of any float type to (..., K) probabilities, float32 or wider, without gradient."""
        logits = widened(logits)
        found = torch.softmax((logits - self.centre) / temperature, dim=-1)
        if self.training:
            self._move(logits.reshape(-1, logits.shape[-1]))
        return found

    def _move(self, rows: torch.Tensor) -> None:
        count = rows.new_full((1,), len(rows))
        summed = self._reduce(torch.cat([rows.sum(0), count]), "sum")
        if summed[-1] > 0:
            self.centre.lerp_((summed[:-1] / summed[-1]).to(self.centre), 1 - self.momentum)


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """float16 and bfloat16 as float32; wider types as they are."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def cross_entropy(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """-sum p ln softmax(student / temperature): (..., K) logits and (..., K) probabilities p to (...)."""
    return -(teacher.detach() * torch.log_softmax(widened(student) / temperature, dim=-1)).sum(-1)


def dino_loss(student: Sequence[torch.Tensor], teacher: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
    """The mean cross-entropy over pairs of a teacher's view and another view of the student's. A scalar.

    `student`: (images, K) logits of each view, the global views first and in the teacher's order. `teacher`:
    (global views, images, K) probabilities. A view is not compared with itself: 2 global and 8 local views make
    2 (2 + 8) - 2 = 18 terms. Local views first would drop two wrong terms and keep the two trivial ones.

    DINOv2's sums over 18 (dinov2/train/ssl_meta_arch.py) are this same mean; only without local views does its
    code divide by 3 where there are 2 terms.
    """
    shapes = {tuple(view.shape) for view in [*student, *teacher]}
    if len(teacher) > len(student) or len(student) < 2 or len(shapes) != 1:
        raise InputError(
            f"{len(student)} views of the student and {len(teacher)} of the teacher, shapes {sorted(shapes)}",
            "give the student every global view first, then the local ones, all of (images, prototypes)",
        )
    said = teacher.detach()
    terms = []
    for v, logits in enumerate(student):
        named = torch.log_softmax(widened(logits) / temperature, dim=-1)  # once, for every view of the teacher's
        terms += [-(other * named).sum(-1).mean() for g, other in enumerate(said) if g != v]
    return torch.stack(terms).mean()


def teacher_entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """The mean entropy of (..., K) probabilities, in nats. A scalar to watch: collapse is 0 or ln K."""
    return torch.special.entr(probabilities).sum(-1).mean()
