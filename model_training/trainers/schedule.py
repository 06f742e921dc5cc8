"""Linear warm-up, then a cosine down to zero: open_clip's schedule (src/open_clip_train/scheduler.py)."""

import math


def learning_rate(step: int, *, base: float, warmup: int, steps: int) -> float:
    """The rate of update `step`, from 0, of `steps` in all.

    base (step + 1) / warmup before `warmup`, then base (1 + cos(pi e / E)) / 2 where e counts from the end of the
    warm-up and E is what remains after it. The cosine would reach zero at update `steps`, which is not made.
    """
    if step < warmup:
        return base * (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) * base
