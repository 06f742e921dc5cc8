"""An exponential moving average of a model's weights over its training.

Parameters are averaged; buffers (running statistics, queues, centres) are the model's own at the end.
"""

from typing import Any

from model_training.libraries import torch


class MovingAverage:
    """In float32 or wider: in 16 bits a step of 1 - decay would be rounded away."""

    def __init__(self, module: Any, decay: float) -> None:
        self._decay = decay
        self.tensors = {name: _wide(p) for name, p in module.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, module: Any) -> None:
        """average <- decay average + (1 - decay) weight."""
        for name, parameter in module.named_parameters():
            if name in self.tensors:
                average = self.tensors[name]
                average.lerp_(parameter.to(average), 1 - self._decay)

    @torch.no_grad()
    def into(self, module: Any) -> None:
        """Overwrite the module's parameters by their averages: for the end of a training."""
        for name, parameter in module.named_parameters():
            if name in self.tensors:
                parameter.copy_(self.tensors[name])

    @torch.no_grad()
    def load(self, tensors: dict[str, Any]) -> None:
        for name, average in self.tensors.items():
            average.copy_(tensors[name])


def _wide(parameter: Any) -> Any:
    return parameter.detach().to(torch.promote_types(parameter.dtype, torch.float32), copy=True)
