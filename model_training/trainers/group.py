"""Workers on one machine become a torch process group without a port that others could reach."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist


@contextmanager
def met(place: str, rank: int, workers: int) -> Iterator[None]:
    """A gloo group. The workers meet at a file, where torch's own store would listen on every address."""
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=workers)
    try:
        yield
    finally:
        dist.destroy_process_group()
