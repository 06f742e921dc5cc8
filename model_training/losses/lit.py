"""LiT (arXiv 2111.07991): CLIP's loss, where a pre-trained image tower is locked and only the text tower learns.

Locked is more than "no gradients": batch normalisation moves its statistics in every forward pass of a model that is
training, dropout makes embeddings differ from pass to pass, and an optimiser still moves a parameter whose last
gradient was left behind. Only with all three shut may the embeddings be computed once and kept.
"""

from typing import Any

from model_training.libraries import torch


class Locked(torch.nn.Module):
    """A tower that cannot learn and always answers as in evaluation, also when the model around it is training.

    `forward` is the tower's, of the same arguments, without gradient. The tower itself is changed: its parameters
    want no gradient and have none.
    """

    def __init__(self, tower: Any) -> None:
        super().__init__()
        self.tower = tower.requires_grad_(False)
        tower.zero_grad(set_to_none=True)
        self.eval()

    def train(self, mode: bool = True) -> "Locked":
        return super().train(False)

    def forward(self, *args: Any, **named: Any) -> Any:
        with torch.no_grad():
            return self.tower(*args, **named)


def unlocked(module: Any) -> list[str]:
    """What a training step could change, or that could change what it answers: empty if the module is locked.

    Names of parameters that want or hold a gradient, then of modules in training mode ("" is the module itself).
    """
    parameters = [name for name, p in module.named_parameters() if p.requires_grad or p.grad is not None]
    return parameters + [name for name, part in module.named_modules() if part.training]
