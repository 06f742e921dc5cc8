"""Weights that a model starts from: all of a file's, or one tower's. Strictly: a missing layer would stay random.

A file is open_clip's, whatever its other tower is, or for an image tower of timm's a timm checkpoint, DINO's among
them. Position embeddings of open_clip's own towers are resized to another image size, as open_clip does.
"""

import os
from typing import Any

import safetensors

from curate.errors import InputError
from model_training.models.open_clip import OpenClipSpec, load
from model_training.models.weights import Weights
from model_training.trainers.plan import Plan

import open_clip.factory  # isort: skip  (after libraries, which mends torchvision)
import open_clip.model  # isort: skip

LOGITS = ("logit_scale", "logit_bias")
TRUNK = "visual.trunk."


def load_initial(model: Any, plan: Plan) -> frozenset[str]:
    """Overwrite weights of open_clip's `model` by those that `plan.init` and `plan.init_part` name. Which ones.

    The two scalars of the logits come along with the whole model, if the file has those that the model has: a scale
    without its bias belongs to another loss. Raises InputError, which names the file, for weights that do not fit.
    """
    init = plan.init
    if init is None:
        return frozenset()
    given = _read(init)
    own = model.state_dict()
    if plan.init_part != "text" and hasattr(model.visual, "trunk") and not _is_open_clips(given):
        given = {TRUNK + name: tensor for name, tensor in _without_classifier(given, model.visual.trunk).items()}
        wanted = {name for name in own if name.startswith(TRUNK)}
    else:
        given = _named_alike(open_clip.factory.convert_state_dict(model, given), model)
        scalars = [name for name in LOGITS if name in own]
        whole = plan.init_part == "all" and scalars == [name for name in LOGITS if name in given]
        wanted = {name for name in own if _is_of(plan.init_part, name) or (whole and name in LOGITS)}
        given = {name: t for name, t in given.items() if _is_of(plan.init_part, name) or (whole and name in LOGITS)}
    missing, unknown = sorted(wanted - set(given)), sorted(set(given) - wanted)
    if missing or unknown:
        what = f"has no {missing[0]}" if missing else f"has {unknown[0]}, which the model has not"
        raise InputError(f"{init.weights}: {what}", "correct train.init, or train.model to what the file holds")
    try:
        open_clip.model.resize_pos_embed(given, model)
        if any(name.endswith("positional_embedding") and not name.startswith("visual.") for name in given):
            open_clip.model.resize_text_pos_embed(given, model)
        model.load_state_dict({**own, **given}, strict=True)
    except (RuntimeError, AssertionError, AttributeError) as error:
        reason = " ".join(str(error).split()).removeprefix("Error(s) in loading state_dict for ")
        raise InputError(f"{init.weights}: does not fit {plan.arch}: {reason}", "correct train.init") from error
    return frozenset(wanted)


def _read(init: Weights) -> dict[str, Any]:
    path = init.here()
    if not os.path.isfile(path) and init.allow_download:
        spec = OpenClipSpec(init.name, init.arch, init.weights, init.allow_download, init.sha256)
        found: dict[str, Any] = load(spec, "cpu")[0].state_dict()
        return found
    _ = init.identity  # refuses what is missing, is a pickle or has another sha256
    try:
        found = open_clip.factory.load_state_dict(path, device="cpu")
    except (safetensors.SafetensorError, OSError, StopIteration) as error:
        raise InputError(f"{init.weights}: not readable as safetensors ({error})", "save the weights again") from error
    return found


def _is_open_clips(given: dict[str, Any]) -> bool:
    return any(name.startswith("visual.") for name in given)


def _is_of(part: str, name: str) -> bool:
    if name in LOGITS:
        return False
    image = name.startswith("visual.")
    decoder = name.startswith("text_decoder.")
    return part == "all" or (image if part == "image" else not image and not decoder)


def _named_alike(given: dict[str, Any], model: Any) -> dict[str, Any]:
    """open_clip's models keep the text tower in `text.` or loose: as this one does."""
    loose, wants_loose = "positional_embedding" in given, hasattr(model, "positional_embedding")
    if loose and not wants_loose:
        changed: dict[str, Any] = open_clip.model.convert_to_custom_text_state_dict(given)
        return changed
    if not loose and wants_loose:
        return {name.removeprefix("text."): tensor for name, tensor in given.items()}
    return given


def _without_classifier(given: dict[str, Any], trunk: Any) -> dict[str, Any]:
    classifier = trunk.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    return {name: tensor for name, tensor in given.items() if not name.startswith(heads)}
