"""The one door to torch, torchvision and the model libraries. Import it before any of them.

A CPU build of torch beside the registry's torchvision (a CUDA build) fails at import with "operator
torchvision::nms does not exist", and takes open_clip, timm and transformers with it: torchvision registers
shape functions for two operators whose kernels could not be loaded. Declaring the two operators lets
everything import that does not run them. Where torch and torchvision match, nothing is done.
See pytorch/vision issues 9077 and 9085.
"""

import os
import sys
import warnings
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("WANDB_MODE", "disabled")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

import torch

_kept: list[Any] = []  # a library's operators go when it is collected
OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def load_torchvision() -> str:
    """Import torchvision, declaring its operators where its kernels are for another torch.

    Returns "native" or "declared".
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [m for m in sys.modules if m == "torchvision" or m.startswith("torchvision.")]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in OPERATORS:
            library.define(operator)
        _kept.append(library)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchvision  # noqa: F401
    return "declared" if _kept else "native"


TORCHVISION = load_torchvision()
