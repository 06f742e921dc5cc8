"""A teacher that is the moving average of its student (mean teacher, arXiv 1703.01780; DINO, arXiv 2104.14294)."""

import math

from curate.errors import InputError
from model_training.libraries import torch


@torch.no_grad()
def follow(teacher: torch.nn.Module, student: torch.nn.Module, momentum: float) -> None:
    """teacher <- momentum teacher + (1 - momentum) student, for every parameter by name, in place.

    The student's share is 1 - momentum; with momentum - 1, as pseudocode has been seen to write it, the teacher
    runs away from the student. Buffers stay the teacher's own. Keep the teacher in float32: in bfloat16 a step of
    1 - .996 is rounded away. Raises InputError where the two have other parameters.
    """
    ours, theirs = dict(teacher.named_parameters()), dict(student.named_parameters())
    shapes = [{name: tuple(tensor.shape) for name, tensor in found.items()} for found in (ours, theirs)]
    if shapes[0] != shapes[1]:
        odd = sorted(name for name, _ in shapes[0].items() ^ shapes[1].items())
        raise InputError(
            f"teacher and student differ in parameter {odd[0]}", "make the teacher a deep copy of the student"
        )
    for name, tensor in ours.items():
        tensor.lerp_(theirs[name].to(tensor), 1 - momentum)


def cosine(step: int, steps: int, start: float, end: float) -> float:
    """From `start` at step 0, half-way at steps / 2, towards `end`, which step `steps` would reach.

    DINO's schedule of the momentum (.996 to 1; DINOv2 .992 to 1) and of the weight decay (.04 to .4).
    """
    return end + (start - end) * (1 + math.cos(math.pi * min(step, steps) / steps)) / 2


def teacher_temperature(step: int, *, warmup: int = 0, start: float = 0.04, end: float = 0.04) -> float:
    """A line from `start` at step 0 to `end` at step warmup - 1, then `end`.

    DINO's default is .04 throughout; its longer runs, iBOT's patches and DINOv2 go from .04 to .07 over 30 epochs.
    DINO and iBOT count epochs, DINOv2 updates.
    """
    if step >= warmup - 1:
        return end
    return start + (end - start) * step / (warmup - 1)
