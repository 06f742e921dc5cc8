"""Forward passes that all have the same batch size, the last one padded, and on a CPU one thread.

So a vector does not depend on its neighbours, on how a shard was cut or on how many cores a worker was given.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


class FixedBatches:
    """`device` is where models shall be: a GPU where there is one."""

    def __init__(self, size: int) -> None:
        from model_training import libraries

        self._torch, self._size = libraries.torch, size
        self.device = "cuda" if self._torch.cuda.is_available() else "cpu"
        if self.device == "cpu":
            self._torch.set_num_threads(1)

    def run(self, items: Sequence[Any], forward: Callable[[Any], Any], width: int) -> np.ndarray:
        """What `forward` makes of the tensors, float32, shape (n, width)."""
        torch, found = self._torch, [np.zeros((0, width), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(items), self._size):
                part = list(items[start : start + self._size])
                batch = torch.stack(part + [torch.zeros_like(part[0])] * (self._size - len(part)))
                found.append(forward(batch.to(self.device))[: len(part)].float().cpu().numpy())
        return np.concatenate(found)
