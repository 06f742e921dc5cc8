"""The optimizers that the published settings name, by torch and timm, and what their states are on disk."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from model_training.libraries import torch
from model_training.trainers.plan import Plan

import timm.optim  # isort: skip  (after libraries, which mends torchvision)


@dataclass(frozen=True)
class Group:
    """Parameters that are updated alike."""

    parameters: list[Any]
    decays: bool = True
    scale: float = 1.0  # of the learning rate


def decayed_by_shape(parameters: Iterable[Any], scale: float = 1.0, decays: bool = True) -> list[Group]:
    """Two groups: gains, biases and logit scales, of fewer than two dimensions, do not decay (as open_clip).

    What is locked is in neither.
    """
    free = [p for p in parameters if p.requires_grad]
    wide, narrow = [p for p in free if p.ndim >= 2], [p for p in free if p.ndim < 2]
    return [Group(part, d, scale) for part, d in ((wide, decays), (narrow, False)) if part]


def make(plan: Plan, groups: list[Group]) -> Any:
    """AdamW by torch; LAMB (ALIGN, FILIP), Lion (SigLiT) and Adafactor (CoCa) by timm."""
    given = [
        {
            "params": group.parameters,
            "lr": plan.lr * group.scale,
            "weight_decay": plan.weight_decay if group.decays else 0.0,
            "scale": group.scale,
            "decays": group.decays,
        }
        for group in groups
    ]
    match plan.optimizer:
        case "adamw":
            return torch.optim.AdamW(given, lr=plan.lr, betas=plan.betas, eps=plan.eps, fused=True)
        case "lamb":
            return timm.optim.Lamb(given, lr=plan.lr, betas=plan.betas, eps=plan.eps)
        case "lion":
            return timm.optim.Lion(given, lr=plan.lr, betas=plan.betas)
        case "adafactor":
            return timm.optim.AdafactorBigVision(given, lr=plan.lr)
        case "sgd":
            return torch.optim.SGD(given, lr=plan.lr, momentum=plan.betas[0])
    raise ValueError(plan.optimizer)


def set_rates(optimizer: Any, rate: float, weight_decay: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate * group["scale"]
        group["weight_decay"] = weight_decay if group["decays"] else 0.0


def tensors_of(optimizer: Any) -> dict[str, Any]:
    """All of an optimizer's state but what the plan says anew: number/key, and the steps that groups count."""
    state = optimizer.state_dict()
    found = {}
    for number, moments in state["state"].items():
        for key, value in moments.items():
            if value is not None:
                found[f"{number}/{key}"] = torch.as_tensor(value).cpu().contiguous()
    for number, group in enumerate(state["param_groups"]):
        if "step" in group:
            found[f"group {number}/step"] = torch.as_tensor(group["step"])
    return found


def load_tensors(optimizer: Any, tensors: dict[str, Any]) -> None:
    """What `tensors_of` gave, into an optimizer of the same parameters."""
    groups = optimizer.state_dict()["param_groups"]
    moments: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        number, key = name.split("/")
        if number.startswith("group "):
            groups[int(number.removeprefix("group "))]["step"] = tensor.item()
        else:
            moments.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
