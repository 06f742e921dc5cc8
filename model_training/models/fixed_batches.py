"""Forward passes that all have the same batch size, the last one padded, and on a CPU one thread each.

So a vector does not depend on its neighbours, on how a shard was cut or on how many cores a worker was given: on
a CPU several passes run side by side, one for each core, where one pass of many threads would sum in another order.
On a GPU passes follow each other without a wait, while threads make the next batches ready in pinned memory.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np

PASS = 16  # images of one pass on a CPU: as fast as 64 (measured on ViT-B-32), and 64 of them keep four cores busy
BESIDE_GPU = 8  # threads that make batches ready for one


def cores() -> int:
    """The cores that this process may use: Ray tells a worker by OMP_NUM_THREADS what it was granted."""
    granted, here = os.environ.get("OMP_NUM_THREADS", ""), len(os.sched_getaffinity(0))
    return max(1, min(int(granted), here)) if granted.isdigit() else here


def best_at_once(batches: Iterable[int], on_gpu: bool | None = None) -> int:
    """How many rows models of these batch sizes are best given in one call; what a pass on a GPU lacks is padding."""
    from model_training import libraries

    on_gpu = libraries.torch.cuda.is_available() if on_gpu is None else on_gpu
    return max((size if on_gpu else min(size, PASS) for size in batches), default=1)


def helpers() -> int:
    """Threads that make ready what a model of this process sees: one for each core, or BESIDE_GPU for a GPU."""
    from model_training import libraries

    on_gpu = libraries.torch.cuda.is_available()
    return min(BESIDE_GPU, len(os.sched_getaffinity(0))) if on_gpu else cores()


@lru_cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Shared by all models of the process, which work one after the other."""
    return ThreadPoolExecutor(count, thread_name_prefix="passes")


class FixedBatches:
    """`size` rows a pass, on a CPU at most `on_cpu`; `device` is where models shall be: a GPU where there is one."""

    def __init__(self, size: int, on_cpu: int | None = None) -> None:
        from model_training import libraries

        self._torch = libraries.torch
        self.device = "cuda" if self._torch.cuda.is_available() else "cpu"
        self._size = min(size, on_cpu or size) if self.device == "cpu" else size
        if self.device == "cpu":
            self._torch.set_num_threads(1)
        self._count = helpers()

    def run(
        self,
        items: Sequence[Any],
        forward: Callable[[Any], Any],
        width: int,
        gather: Callable[[Sequence[Any]], Any] | None = None,
    ) -> np.ndarray:
        """What `forward` makes of the items, float32, shape (n, width). It sees the batch size's rows at a time.

        `gather` makes a tensor with a row for each of some items, in a thread; without it items are tensors.
        """
        if not len(items):
            return np.zeros((0, width), np.float32)
        starts = range(0, len(items), self._size)

        def batch(start: int) -> Any:
            return self._padded((gather or self._stacked)(items[start : start + self._size]))

        def passed(start: int) -> Any:
            with self._torch.inference_mode():  # known to one thread only
                return forward(batch(start)).float()

        if self.device == "cpu":
            found = list(self._map(passed, starts))
        else:
            with self._torch.inference_mode():
                ready = self._map(batch, starts)
                found = [forward(one.to(self.device, non_blocking=True)).float() for one in ready]
        vectors: np.ndarray = self._torch.cat(found)[: len(items)].cpu().numpy()
        return vectors

    def _map(self, work: Callable[[int], Any], starts: Sequence[int]) -> Iterable[Any]:
        if self._count == 1 or (len(starts) == 1 and self.device == "cpu"):
            return map(work, starts)
        return _threads(self._count).map(work, starts)

    def _stacked(self, part: Sequence[Any]) -> Any:
        return self._torch.stack(list(part))

    def _padded(self, rows: Any) -> Any:
        pinned = self.device != "cpu"
        if len(rows) == self._size and not pinned:
            return rows
        whole = self._torch.zeros((self._size, *rows.shape[1:]), dtype=rows.dtype, pin_memory=pinned)
        whole[: len(rows)] = rows
        return whole
