"""Learning rates, weight decays and momenta as functions of the step, under their papers' names.

Each counts updates from 0 and keeps no state, so a resumed run asks for the step that it is at.
"""

import math


def learning_rate(step: int, *, base: float, warmup: int, steps: int) -> float:
    """open_clip's (src/open_clip_train/scheduler.py): linear warm-up, then a cosine down to zero.

    The rate of update `step`, from 0, of `steps` in all: base (step + 1) / warmup before `warmup`, then
    base (1 + cos(pi e / E)) / 2 where e counts from the end of the warm-up and E is what remains after it. The cosine
    would reach zero at update `steps`, which is not made.
    """
    if step < warmup:
        return base * (step + 1) / warmup
    return cosine(step - warmup, start=base, end=0.0, steps=steps - warmup)


def cosine(step: int, *, start: float, end: float, steps: int) -> float:
    """From `start` at 0 to `end` at `steps`, by half a cosine; up as well as down.

    DINO's (arXiv 2104.14294) weight decay goes so from .04 to .4, and its teacher's momentum from .996 to 1.
    """
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * step / steps))


def dino_learning_rate(step: int, *, base: float, end: float, warmup: int, steps: int) -> float:
    """DINO's (facebookresearch/dino, cosine_scheduler): from 0 to `base` in `warmup` updates, then a cosine to `end`.

    Unlike open_clip's, update 0 has rate 0. Update warmup - 1 has `base`, and so has the next: the warm-up is numpy's
    linspace, which includes both ends (and is a single 0 for one update).
    """
    if step < warmup:
        return base * step / max(1, warmup - 1)
    return cosine(step - warmup, start=base, end=end, steps=steps - warmup)


def align_learning_rate(step: int, *, base: float, warmup: int, steps: int) -> float:
    """ALIGN's (arXiv 2102.05918, section 5): linear from 0 to `base` at update `warmup`, linear to 0 at `steps`."""
    return base * step / warmup if step < warmup else base * (steps - step) / (steps - warmup)


def blip_learning_rate(epoch: int, *, base: float, decay: float, end: float) -> float:
    """BLIP's (salesforce/BLIP, step_lr_schedule): times `decay` every epoch, counted from 0, but never below `end`.

    The paper (arXiv 2201.12086, section 4.1) says .85; the published settings have .9.
    """
    return max(end, base * decay**epoch)


def dino_base_rate(batch: int, *, rate: float = 5e-4) -> float:
    """DINO's linear rule: `rate` is for 256 images, over all devices."""
    return rate * batch / 256


def dinov2_base_rate(batch: int, *, rate: float = 4e-3) -> float:
    """DINOv2's square-root rule (arXiv 2304.07193; facebookresearch/dinov2): `rate` is for 1024 images."""
    return rate * math.sqrt(batch / 1024)


def constant(step: int, *, base: float, warmup: int, steps: int) -> float:
    """`base` after a linear warm-up."""
    return base * min(1.0, (step + 1) / warmup) if warmup else base


def exponential(step: int, *, base: float, warmup: int, steps: int, decay: float = 0.9, epochs: int = 20) -> float:
    """BLIP's: `epochs` equal parts of the training, each with `decay` times the rate of the one before; warm-up."""
    epoch = step * epochs // steps
    rate = blip_learning_rate(epoch, base=base, decay=decay, end=1e-6)
    return min(rate, base * (step + 1) / warmup) if step < warmup else rate


NAMED = {"cosine": learning_rate, "linear": align_learning_rate, "constant": constant, "exponential": exponential}
