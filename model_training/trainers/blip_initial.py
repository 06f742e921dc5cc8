"""The BLIP that a training starts from: a draw, one of our files, or a transformers folder."""

import os
from typing import Any

from curate.errors import InputError
from model_training.models.blip import Blip
from model_training.models.blip_inference import LACKS
from model_training.models.blip_spec import folder_here
from model_training.trainers.plan import Plan

VISION = "vision_model."


def initial(plan: Plan, unused: str | None) -> Blip:
    """A model without its `unused` part, drawn from torch's generator, with the weights that `plan.init` names.

    Raises InputError for weights that do not fit, or lack a part that is used.
    """
    model = Blip.from_config(plan.arch)
    if plan.init is not None:
        _load(model, plan, unused)
    if unused:
        model.drop(unused)
    return model


def _load(model: Blip, plan: Plan, unused: str | None) -> None:
    init: Any = plan.init
    given = _given(plan)
    for part in LACKS:
        if part != unused and plan.init_part != "image" and getattr(given, part) is None:
            raise InputError(
                f"{init.weights} has no {part.replace('_', ' ')}, which {plan.objective} trains",
                "correct train.init: name the weights of an objective that trains both, as blip does",
            )
    for part in LACKS:
        if plan.init_part != "image" and getattr(given, part) is None:
            model.drop(part)
    found = {name: value for name, value in given.state_dict().items() if _is_of(plan.init_part, name)}
    try:
        model.load_state_dict({**model.state_dict(), **found}, strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).strip().splitlines()[1:2]).strip()  # the first of many
        raise InputError(f"{init.weights} does not fit {plan.arch}: {reason}", "correct train.init") from error


def _given(plan: Plan) -> Blip:
    init: Any = plan.init
    _ = init.identity  # refuses what is missing, is a pickle or has another sha256
    path = init.here()
    if os.path.isfile(path):
        return Blip.from_checkpoint(init.arch or plan.arch, path)
    return Blip.from_folder(folder_here(init))


def _is_of(part: str, name: str) -> bool:
    return part == "all" or (name.startswith(VISION) == (part == "image"))
