"""A timm architecture by its name, or by a config file in the form of timm's own (architecture, model_args,
pretrained_cfg: what its hub keeps as config.json).

A file may also say under `options`, by objective, with which options a model of its size is trained when the recipe
does not say; data/views and trainers read that, the model does not.
"""

from typing import Any

from curate.errors import InputError
from model_training.models.weights import read_config, read_tensors


def config(arch: str) -> dict[str, Any]:
    """What the file says; of a name, only `architecture`. Raises InputError for an unknown architecture."""
    from model_training import libraries  # noqa: F401  (before timm, which imports torchvision)

    import timm  # isort: skip
    from model_training.models import patch_kmeans  # noqa: F401  (timm learns of it)

    found: Any = {"architecture": arch}
    if arch.endswith(".json"):
        found = read_config(arch, "write it as timm's hub does: models/tiny_vit.json")
        if not isinstance(found.get("architecture"), str):
            raise InputError(f"{arch}: says no `architecture`", "write it as timm's hub does: models/tiny_vit.json")
    if found["architecture"].partition(".")[0] not in timm.list_models():
        raise InputError(
            f"timm has no architecture {found['architecture']!r}", "timm.list_models() names those there are"
        )
    return found


def create(arch: str, pretrained: bool = False, tag: str | None = None, **args: Any) -> Any:
    """timm's model without a classifier, `tag` in the place of the architecture's own where one is named; `args` win
    over the file's `model_args`.

    Raises InputError for an unknown architecture, and what timm raises for arguments that it does not take.
    """
    said = config(arch)

    import timm  # isort: skip

    given = {**said.get("model_args", {}), "num_classes": 0, **args}
    if "pretrained_cfg" in said:
        seen = said["pretrained_cfg"].items()  # JSON has no tuples, which timm has here
        given["pretrained_cfg_overlay"] = {key: tuple(v) if isinstance(v, list) else v for key, v in seen}
    name = said["architecture"] if tag is None else f"{said['architecture'].partition('.')[0]}.{tag}"
    return timm.create_model(name, pretrained=pretrained, **given)


def without_classifier(path: str, model: Any) -> dict[str, Any]:
    """The weights in a file, but for those of the classifier, which the model does not have.

    To be loaded strictly, unlike timm's own way for a file: a missing layer would stay random without a word.
    """
    classifier = model.pretrained_cfg.get("classifier") or ()
    heads = tuple(f"{name}." for name in ([classifier] if isinstance(classifier, str) else classifier))
    return {name: value for name, value in read_tensors(path).items() if not name.startswith(heads)}
