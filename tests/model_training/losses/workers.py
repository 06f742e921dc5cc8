"""Workers of one real gloo group, as threads of one process."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from model_training.libraries import torch
from model_training.losses.all_reduce import all_reduce


def meet(tasks):
    """Run one task for each worker, and give it the group's reduction. The answers, in order."""
    store = torch.distributed.HashStore()

    def work(rank):
        group = torch.distributed.ProcessGroupGloo(store, rank, len(tasks), timedelta(seconds=20))
        return tasks[rank](partial(all_reduce, group=group))

    with ThreadPoolExecutor(len(tasks)) as pool:
        return list(pool.map(work, range(len(tasks))))
